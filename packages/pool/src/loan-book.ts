import { coarseNow } from './coarse-clock.ts'
import type { Sweepable } from './idle-list.ts'
import type { Loan } from './lease.ts'
import type { Holder } from './report.ts'
import { acquireChannel, releaseChannel } from './telemetry.ts'

/** One object of the pool: lent, idle, or on its way from one to the other. */
export interface Entry<T extends object> extends Loan<T>, Sweepable {
  lent: boolean
  loan: number
  lentAt: number
}

/** Which objects the pool has, and which of them are lent. */
export class LoanBook<T extends object> {
  readonly #pool: string
  readonly #entries = new Map<T, Entry<T>>()
  #inUse = 0

  constructor(pool: string) {
    this.#pool = pool
  }

  get size(): number {
    return this.#entries.size
  }

  get inUse(): number {
    return this.#inUse
  }

  add(object: T): Entry<T> {
    if ((typeof object !== 'object' && typeof object !== 'function') || object === null) {
      throw new TypeError(`create must give an object, got ${String(object)}`)
    }
    if (this.#entries.has(object)) throw new TypeError('create gave an object that the pool has already')
    const entry = { object, lent: false, loan: 0, lentAt: 0, sweep: 0 }
    this.#entries.set(object, entry)
    return entry
  }

  remove(entry: Entry<T>): void {
    this.#entries.delete(entry.object)
  }

  entryOf(object: T): Entry<T> | undefined {
    return this.#entries.get(object)
  }

  lend(entry: Entry<T>, waitedMs: number): Entry<T> {
    entry.lent = true
    entry.loan++
    entry.lentAt = coarseNow()
    this.#inUse++
    if (acquireChannel.hasSubscribers) acquireChannel.publish({ pool: this.#pool, waitedMs })
    return entry
  }

  takeBack(object: T, verb: string): Entry<T> {
    const entry = this.#entries.get(object)
    if (entry === undefined) throw new TypeError(`${verb}: the object is not of ${this.#pool}, or no longer`)
    if (!entry.lent) throw new TypeError(`${verb}: the object was returned to ${this.#pool} already`)
    entry.lent = false
    this.#inUse--
    if (releaseChannel.hasSubscribers) {
      releaseChannel.publish({ pool: this.#pool, heldMs: coarseNow() - entry.lentAt })
    }
    return entry
  }

  /** How long the oldest loan has lasted, in milliseconds. */
  oldestMs(): number | undefined {
    let lentAt = Infinity
    for (const entry of this.#entries.values()) if (entry.lent && entry.lentAt < lentAt) lentAt = entry.lentAt
    return lentAt === Infinity ? undefined : Math.max(0, performance.now() - lentAt)
  }

  /** The loans of this moment, the oldest first. */
  holders(): readonly Holder[] {
    const now = performance.now()
    const lent = [...this.#entries.values()].filter((entry) => entry.lent)
    return lent
      .map((entry) => ({ heldMs: Math.max(0, now - entry.lentAt) }))
      .toSorted((a, b) => b.heldMs - a.heldMs)
  }
}
