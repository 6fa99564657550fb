import type { CheckedOptions } from './options.ts'
import type { Entry, Sighting } from './entry.ts'

/** What the pool does about its age. */
export interface AgeingHandlers<T extends object> {
  readonly entries: () => Iterable<Entry<T>>
  readonly onLeak: (entry: Entry<T>) => void
  /** Lives too long, or lies idle too long: may go if it is idle. */
  readonly onOld: (entry: Entry<T>, reason: 'expired' | 'idle') => void
}

/**
 * Looks regularly at how long objects live, lie idle and are held. One timer for all of it, which keeps neither
 * the process nor a forgotten pool alive, instead of one for each object. Loans and rests are counted from the
 * first look at them: what their clock said may be as old as the event loop was blocked.
 */
export class Ageing<T extends object> {
  readonly #leakAfterMs: number
  readonly #maxLifetimeMs: number
  readonly #idleTimeoutMs: number
  readonly #handlers: AgeingHandlers<T>
  #timer: NodeJS.Timeout | undefined

  constructor(options: CheckedOptions<T>, handlers: AgeingHandlers<T>) {
    const { leakAfterMs = Infinity, maxLifetimeMs = Infinity, idleTimeoutMs = Infinity } = options
    this.#leakAfterMs = leakAfterMs
    this.#maxLifetimeMs = maxLifetimeMs
    this.#idleTimeoutMs = idleTimeoutMs
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
    const shortest = Math.min(this.#leakAfterMs, this.#maxLifetimeMs, this.#idleTimeoutMs)
    if (this.#timer !== undefined || shortest === Infinity) return
    const self = new WeakRef(this)
    const timer = setInterval(
      () => {
        const ageing = self.deref()
        if (ageing === undefined) clearInterval(timer)
        else ageing.#sweep()
      },
      Math.min(shortest / 4, 1000),
    ).unref()
    this.#timer = timer
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #sweep(): void {
    const now = performance.now()
    const { entries, onLeak, onOld } = this.#handlers
    for (const entry of entries()) {
      const seen = look(entry, now)
      const ms = now - seen.since
      if (seen.lent && ms >= this.#leakAfterMs && !seen.reported && entry.taker?.lasting !== true) {
        seen.reported = true
        onLeak(entry)
      }
      if (entry.diesAt <= now) {
        entry.lastLoan = entry.loan
        onOld(entry, 'expired')
      } else if (!seen.lent && ms >= this.#idleTimeoutMs) {
        onOld(entry, 'idle')
      }
    }
  }
}

/** What is known of the loan or rest that an entry is in. */
function look<T extends object>(entry: Entry<T>, now: number): Sighting {
  const lent = entry.lentAt >= 0
  if (entry.seen?.loan !== entry.loan || entry.seen.lent !== lent) {
    entry.seen = { loan: entry.loan, lent, since: now, reported: false }
  }
  return entry.seen
}
