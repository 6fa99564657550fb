import { PoolError } from './errors.ts'
import type { CheckedOptions } from './options.ts'
import { describeTimeout, type Holder, type PoolStats } from './report.ts'
import { leakChannel, timeoutChannel, type LeakMessage, type TimeoutMessage } from './telemetry.ts'

/** What went wrong with loans: callers who waited in vain, and objects that do not come back. */
export class Incidents {
  readonly #pool: string
  readonly #onLeak: CheckedOptions<object>['onLeak']
  #timeouts = 0
  #leaks = 0

  constructor(pool: string, onLeak: CheckedOptions<object>['onLeak']) {
    this.#pool = pool
    this.#onLeak = onLeak
  }

  get timeouts(): number {
    return this.#timeouts
  }

  get leaks(): number {
    return this.#leaks
  }

  /** Somebody has waited in vain. Returns what to tell them. */
  timeout(waitedMs: number, stats: PoolStats, oldest: Holder | undefined, cause?: PoolError): PoolError {
    this.#timeouts++
    const { inUse, waiting } = stats
    if (timeoutChannel.hasSubscribers) {
      timeoutChannel.publish({ pool: this.#pool, waitedMs, inUse, waiting } satisfies TimeoutMessage)
    }
    const message = `${this.#pool}: ${describeTimeout(waitedMs, stats, oldest, cause)}`
    return new PoolError('POOL_TIMEOUT', message, cause && { cause })
  }

  leak(holder: Holder): void {
    this.#leaks++
    const { heldMs, site } = holder
    if (leakChannel.hasSubscribers)
      leakChannel.publish({ pool: this.#pool, heldMs, site } satisfies LeakMessage)
    // By itself, so that what it throws ends nothing here.
    if (this.#onLeak !== undefined) queueMicrotask(() => this.#onLeak?.(holder))
  }
}
