import { coarseNow } from './coarse-clock.ts'
import type { Loan } from './lease.ts'
import { holderOf, type Holder } from './report.ts'
import type { CheckedOptions } from './options.ts'
import { TakerSampler, type Taker } from './taker.ts'
import { acquireChannel, releaseChannel } from './telemetry.ts'
import type { Validator } from './validator.ts'

/** One object of the pool: lent, idle, or on its way from one to the other. */
export interface Entry<T extends object> extends Loan<T> {
  lent: boolean
  /** How often it has been lent. */
  loan: number
  /** When it was lent or came back last, by the coarse clock. */
  since: number
  /** When its lifetime is over, by the exact clock. */
  readonly diesAt: number
  /** The loan after which it goes: `maxUses`, or the one during which its lifetime ended. */
  lastLoan: number
  /** The loan that was reported as a leak last. */
  reportedLoan: number
  taker: Taker | undefined
}

/**
 * Which objects the pool has, which of them are lent, and which lie idle in the order of their return. All of it
 * in one object and in short methods, because every loan comes through here: see the bench.
 */
export class Shelf<T extends object> {
  readonly #pool: string
  readonly #newestFirst: boolean
  readonly #maxUses: number
  readonly #validator: Validator<T> | undefined
  readonly #entries = new Map<T, Entry<T>>()
  readonly #idle: Entry<T>[] = []
  #latest: Entry<T> | undefined

  readonly takers: TakerSampler
  /**
   * Whether what is idle may be lent to the next caller, and what comes back may lie: nobody waits, nothing
   * closes, and there are no more objects than there should be.
   */
  isOpen = true

  constructor(pool: string, options: CheckedOptions<T>, validator: Validator<T>) {
    this.#pool = pool
    this.#newestFirst = options.order === 'lifo'
    this.#maxUses = options.maxUses ?? -1
    this.#validator = options.validate && validator
    this.takers = new TakerSampler(options.leakAfterMs !== undefined)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Counted when somebody asks, since every loan would have to keep the count. */
  get inUse(): number {
    let lent = 0
    for (const entry of this.#entries.values()) if (entry.lent) lent++
    return lent
  }

  get idle(): number {
    return this.#idle.length
  }

  /** The one returned longest ago, left where it is. */
  get oldest(): Entry<T> | undefined {
    return this.#idle[0]
  }

  entries(): IterableIterator<Entry<T>> {
    return this.#entries.values()
  }

  add(object: T, diesAt: number): Entry<T> {
    if ((typeof object !== 'object' && typeof object !== 'function') || object === null) {
      throw new TypeError(`create must give an object, got ${String(object)}`)
    }
    if (this.#entries.has(object)) throw new TypeError('create gave an object that the pool has already')
    const entry = {
      object,
      lent: false,
      loan: 0,
      since: coarseNow(),
      diesAt,
      lastLoan: this.#maxUses,
      reportedLoan: 0,
      taker: undefined,
    }
    this.#entries.set(object, entry)
    return entry
  }

  remove(entry: Entry<T>): void {
    this.#entries.delete(entry.object)
    if (this.#latest === entry) this.#latest = undefined
  }

  entryOf(object: T): Entry<T> | undefined {
    return this.#entries.get(object)
  }

  /** Lends what can be lent at once. */
  lendNext(): Entry<T> | undefined {
    if (!this.isOpen) return undefined
    const entry = this.#validator === undefined ? this.take() : this.#takeValid(this.#validator)
    if (entry !== undefined) {
      this.lend(entry)
      if (--this.takers.left === 0) entry.taker = this.takers.capture()
    }
    return entry
  }

  /** Puts an object that nobody has among the idle, if it may lie there. */
  tryPut(entry: Entry<T>): boolean {
    if (!this.isOpen || entry.loan === entry.lastLoan) return false
    this.#idle.push(entry)
    return true
  }

  put(entry: Entry<T>): void {
    this.#idle.push(entry)
  }

  /** The next to be lent. */
  take(): Entry<T> | undefined {
    return this.#newestFirst ? this.#idle.pop() : this.#idle.shift()
  }

  /** The next to be lent for which that is true. */
  takeWhere(isWanted: (entry: Entry<T>) => boolean): Entry<T> | undefined {
    const index = this.#newestFirst ? this.#idle.findLastIndex(isWanted) : this.#idle.findIndex(isWanted)
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0]
  }

  takeOldest(): Entry<T> | undefined {
    return this.#idle.shift()
  }

  /** Notes a loan; `waitingSince` is when its taker began to wait, by the exact clock. */
  lend(entry: Entry<T>, waitingSince?: number): void {
    entry.lent = true
    entry.loan++
    entry.since = coarseNow()
    this.#latest = entry
    if (acquireChannel.hasSubscribers) this.#publishAcquire(waitingSince)
  }

  /** Ends a loan. @throws {TypeError} when there is none */
  takeBack(object: T): Entry<T> {
    // What was lent last is often the first to come back, and comparing is cheaper than hashing.
    let entry = this.#latest
    if (entry === undefined || entry.object !== object) entry = this.#entries.get(object)
    if (entry === undefined || !entry.lent) throw this.#notLent(entry)
    if (releaseChannel.hasSubscribers) this.#publishRelease(entry)
    entry.lent = false
    entry.since = coarseNow()
    if (entry.taker !== undefined) entry.taker = undefined
    return entry
  }

  /** Past those that `validate` would answer for only later. */
  #takeValid(validator: Validator<T>): Entry<T> | undefined {
    const next = (): Entry<T> | undefined =>
      validator.answersLater ? this.takeWhere((entry) => !validator.isDue(entry)) : this.take()
    for (let entry = next(); entry !== undefined; entry = next()) {
      if (validator.isValid(entry)) return entry
    }
    return undefined
  }

  #publishAcquire(waitingSince: number | undefined): void {
    const waitedMs = waitingSince === undefined ? 0 : performance.now() - waitingSince
    acquireChannel.publish({ pool: this.#pool, waitedMs })
  }

  #publishRelease({ since }: Entry<T>): void {
    releaseChannel.publish({ pool: this.#pool, heldMs: coarseNow() - since })
  }

  #notLent(entry: Entry<T> | undefined): TypeError {
    return new TypeError(
      entry === undefined
        ? `the object is not of ${this.#pool}, or no longer`
        : `the object was returned to ${this.#pool} already`,
    )
  }

  /** The loans of this moment, the oldest first. */
  holders(): readonly Holder[] {
    const lent = [...this.#entries.values()].filter((entry) => entry.lent)
    return lent.map((entry) => holderOf(entry)).toSorted((a, b) => b.heldMs - a.heldMs)
  }
}
