import type { DestroyReason, ObjectPoolOptions } from './options.ts'
import { destroyChannel, type DestroyMessage } from './telemetry.ts'
import { isThenable } from './thenable.ts'
import { within } from './within.ts'

/** Frees objects. A `destroy` that throws, rejects or does not end in time is counted and harms nothing else. */
export class Destroyer<T extends object> {
  readonly #pool: string
  readonly #destroy: ObjectPoolOptions<T>['destroy']
  readonly #timeoutMs: number
  readonly #onSettled: () => void
  #pending = 0
  #destroyed = 0
  #failed = 0

  constructor(
    pool: string,
    destroy: ObjectPoolOptions<T>['destroy'],
    timeoutMs: number,
    onSettled: () => void,
  ) {
    this.#pool = pool
    this.#destroy = destroy
    this.#timeoutMs = timeoutMs
    this.#onSettled = onSettled
  }

  /** How many asynchronous destructions are under way. */
  get pending(): number {
    return this.#pending
  }

  get destroyed(): number {
    return this.#destroyed
  }

  get failed(): number {
    return this.#failed
  }

  destroy(object: T, reason: DestroyReason, cause?: unknown): void {
    this.#destroyed++
    if (destroyChannel.hasSubscribers) {
      destroyChannel.publish({ pool: this.#pool, reason, cause } satisfies DestroyMessage)
    }
    try {
      const done = this.#destroy?.(object, reason, cause)
      if (isThenable(done)) void this.#settle(done)
    } catch {
      this.#failed++
    }
  }

  async #settle(done: Promise<unknown>): Promise<void> {
    this.#pending++
    try {
      await within(done, { timeoutMs: this.#timeoutMs })
    } catch {
      this.#failed++
    }
    this.#pending--
    this.#onSettled()
  }
}
