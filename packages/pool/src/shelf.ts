import { coarseNow } from './coarse-clock.ts'
import type { Entry } from './entry.ts'
import { holderOf, type Holder } from './report.ts'
import type { CheckedOptions } from './options.ts'
import { framesAtOnce, TakerSampler } from './taker.ts'
import { acquireChannel, releaseChannel, type AcquireMessage, type ReleaseMessage } from './telemetry.ts'
import type { Validator } from './validator.ts'
import type { Waiter } from './waiter-queue.ts'

/**
 * Which objects the pool has, which of them are lent, and which lie idle in the order of their return. All of it
 * in one object and in short methods, because every loan comes through here: see the bench.
 */
export class Shelf<T extends object> {
  readonly #pool: string
  readonly #newestFirst: boolean
  /** Whether lending is a `pop`, as it is for most pools. */
  readonly #isStack: boolean
  readonly #lastLoan: number
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
    this.#isStack = this.#newestFirst && options.validate === undefined
    this.#lastLoan = (options.maxUses ?? -1) - 1
    this.#validator = options.validate && validator
    this.takers = new TakerSampler(options.leakAfterMs !== undefined)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Counted when somebody asks, since every loan would have to keep the count. */
  get inUse(): number {
    let lent = 0
    for (const entry of this.#entries.values()) if (entry.lentAt >= 0) lent++
    return lent
  }

  get idle(): number {
    return this.#idle.length
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
      loan: -1,
      lentAt: -1,
      idleAt: coarseNow(),
      diesAt,
      lastLoan: this.#lastLoan,
      seen: undefined,
      taker: undefined,
      promise: undefined,
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

  /** Lends what can be lent at once. `frames` is how much of the stack to keep when it is captured. */
  lendNext(frames: number = framesAtOnce): Entry<T> | undefined {
    if (!this.isOpen) return undefined
    const entry = this.#isStack ? this.#idle.pop() : this.#takeValid()
    if (entry !== undefined) {
      this.lend(entry)
      if ((entry.loan & this.takers.mask) === 0) entry.taker = this.takers.capture(frames)
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

  /** All that are idle. */
  takeAll(): Entry<T>[] {
    return this.#idle.splice(0)
  }

  takeOldest(): Entry<T> | undefined {
    return this.#idle.shift()
  }

  /** Notes a loan, and to whom, if the taker had to wait. */
  lend(entry: Entry<T>, waiter?: Waiter<T>): void {
    entry.loan++
    entry.lentAt = coarseNow()
    if (this.#latest !== entry) this.#latest = entry
    if (waiter !== undefined) entry.taker = waiter.taker
    if (acquireChannel.hasSubscribers) this.#publishAcquire(waiter)
  }

  /** Ends a loan. @throws {TypeError} when there is none */
  takeBack(object: T): Entry<T> {
    // What was lent last is often the first to come back, and comparing is cheaper than hashing.
    let entry = this.#latest
    if (entry === undefined || entry.object !== object) entry = this.#entries.get(object)
    if (entry === undefined || entry.lentAt < 0) throw this.#notLent(entry)
    if (releaseChannel.hasSubscribers) this.#publishRelease(entry)
    entry.lentAt = -1
    entry.idleAt = coarseNow()
    if (entry.taker !== undefined) entry.taker = undefined
    return entry
  }

  /** The next that is valid, past those that `validate` would answer for only later. */
  #takeValid(): Entry<T> | undefined {
    const validator = this.#validator
    if (validator === undefined) return this.take()
    // No more tries than there are now: what is destroyed may be replaced at once, and be no better.
    for (let tries = this.#idle.length; tries > 0; tries--) {
      const entry = validator.answersLater ? this.takeWhere((each) => !validator.isDue(each)) : this.take()
      if (entry === undefined || validator.isValid(entry)) return entry
    }
    return undefined
  }

  #publishAcquire(waiter: Waiter<T> | undefined): void {
    const waitedMs = waiter === undefined ? 0 : waiter.waitedMs
    acquireChannel.publish({ pool: this.#pool, waitedMs } satisfies AcquireMessage)
  }

  #publishRelease({ lentAt }: Entry<T>): void {
    releaseChannel.publish({ pool: this.#pool, heldMs: coarseNow() - lentAt } satisfies ReleaseMessage)
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
    const lent = [...this.#entries.values()].filter((entry) => entry.lentAt >= 0)
    return lent.map((entry) => holderOf(entry)).toSorted((a, b) => b.heldMs - a.heldMs)
  }

  oldestHolder(): Holder | undefined {
    let oldest: Entry<T> | undefined
    for (const entry of this.#entries.values()) {
      if (entry.lentAt >= 0 && (oldest === undefined || entry.lentAt < oldest.lentAt)) oldest = entry
    }
    return oldest && holderOf(oldest)
  }
}
