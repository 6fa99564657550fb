import type { Entry } from './shelf.ts'
import type { CheckedOptions } from './options.ts'

/** What the pool does when somebody has looked. */
export interface AgeingHandlers<T extends object> {
  readonly entries: () => Iterable<Entry<T>>
  readonly onLeak: (entry: Entry<T>) => void
  /** All have been looked at: those that are over and not lent can go. */
  readonly onSwept: () => void
}

/**
 * Looks regularly at how long objects live, lie idle and are held. One timer for all of it, which never keeps
 * the process alive, instead of one for each object.
 */
export class Ageing<T extends object> {
  readonly #leakAfterMs: number
  readonly #maxLifetimeMs: number
  readonly #everyMs: number
  readonly #handlers: AgeingHandlers<T>
  #timer: NodeJS.Timeout | undefined

  constructor(options: CheckedOptions<T>, handlers: AgeingHandlers<T>) {
    const { leakAfterMs = Infinity, maxLifetimeMs = Infinity, idleTimeoutMs = Infinity } = options
    this.#leakAfterMs = leakAfterMs
    this.#maxLifetimeMs = maxLifetimeMs
    this.#everyMs = Math.min(leakAfterMs, maxLifetimeMs, idleTimeoutMs) / 4
    this.#handlers = handlers
  }

  /** When an object made now has lived long enough: a tenth is random, so that not all go at once. */
  diesAt(): number {
    return performance.now() + this.#maxLifetimeMs * (1 - Math.random() / 10)
  }

  isOver({ diesAt }: Entry<T>): boolean {
    return diesAt <= performance.now()
  }

  start(): void {
    if (this.#timer !== undefined || this.#everyMs === Infinity) return
    this.#timer = setInterval(() => this.#sweep(), Math.min(this.#everyMs, 1000)).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #sweep(): void {
    const now = performance.now()
    for (const entry of this.#handlers.entries()) {
      if (entry.diesAt <= now) entry.lastLoan = entry.loan
      const { lentAt, loan } = entry
      if (lentAt >= 0 && now - lentAt >= this.#leakAfterMs && entry.reportedLoan !== loan) {
        entry.reportedLoan = loan
        this.#handlers.onLeak(entry)
      }
    }
    this.#handlers.onSwept()
  }
}
