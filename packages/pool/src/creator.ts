import { inspect } from 'node:util'
import { PoolError } from './errors.ts'
import type { CheckedOptions } from './options.ts'
import { createChannel, type CreateMessage } from './telemetry.ts'
import { isThenable } from './thenable.ts'

/** What the pool does with the outcome of a creation. */
export interface CreationHandlers<T> {
  /** A new object is there. A throw counts as a failed creation. */
  readonly onObject: (object: T) => void
  /** It came after its time: its slot is free already, nobody else would end it. */
  readonly onLate: (object: T) => void
  readonly onFailure: (failure: PoolError) => void
  /** The pause after a failure is over. */
  readonly onRetry: () => void
}

/** Makes objects, each within its time, and pauses after a failure so that a dead factory costs nothing. */
export class Creator<T extends object> {
  readonly #pool: string
  readonly #options: CheckedOptions<T>
  readonly #handlers: CreationHandlers<T>
  readonly #pending = new Set<AbortController>()
  #pause: NodeJS.Timeout | undefined
  #failuresInRow = 0
  #lastFailure: PoolError | undefined
  #created = 0
  #failed = 0

  constructor(pool: string, options: CheckedOptions<T>, handlers: CreationHandlers<T>) {
    this.#pool = pool
    this.#options = options
    this.#handlers = handlers
  }

  get pending(): number {
    return this.#pending.size
  }

  get paused(): boolean {
    return this.#pause !== undefined
  }

  get created(): number {
    return this.#created
  }

  get failed(): number {
    return this.#failed
  }

  /** The failure of the last creation, if it failed. */
  get lastFailure(): PoolError | undefined {
    return this.#failuresInRow > 0 ? this.#lastFailure : undefined
  }

  /** Creates one object. Never rejects: it resolves to the failure, if there was one. */
  async create(): Promise<PoolError | undefined> {
    const started = performance.now()
    const abort = new AbortController()
    this.#pending.add(abort)
    let failure: PoolError | undefined
    try {
      const made = this.#options.create(abort.signal)
      const object = isThenable(made) ? await this.#settle(made, abort) : made
      this.#pending.delete(abort)
      this.#handlers.onObject(object)
      this.#created++
      this.#failuresInRow = 0
    } catch (cause) {
      this.#pending.delete(abort)
      // A pool that closes gives up its creations: that is no failure of `create`.
      failure = cause === abort.signal.reason && cause instanceof PoolError ? cause : this.#fail(cause)
    }
    if (createChannel.hasSubscribers) {
      const ms = performance.now() - started
      createChannel.publish({ pool: this.#pool, ms, ok: failure === undefined } satisfies CreateMessage)
    }
    if (failure !== undefined) this.#handlers.onFailure(failure)
    return failure
  }

  /** Gives up what is under way. */
  abort(reason: PoolError): void {
    for (const abort of this.#pending) abort.abort(reason)
  }

  /** Drops the timer for good: a closed pool must not hold one. */
  stop(): void {
    clearTimeout(this.#pause)
  }

  /** Waits for an asynchronous creation until it settles or its signal aborts, by its time limit if not before. */
  #settle(made: Promise<T>, abort: AbortController): Promise<T> {
    const { createTimeoutMs } = this.#options
    const { signal } = abort
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        abort.abort(new Error(`create did not settle within ${createTimeoutMs} ms`))
      }, createTimeoutMs).unref()
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal.reason)
      }
      const settle = (outcome: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        outcome()
      }
      signal.addEventListener('abort', onAbort)
      made.then(
        (object) => settle(() => (signal.aborted ? this.#late(object) : resolve(object))),
        (cause: unknown) => settle(() => reject(cause)),
      )
    })
  }

  #late(object: T): void {
    this.#created++
    this.#handlers.onLate(object)
  }

  #fail(cause: unknown): PoolError {
    this.#failed++
    // Those that fail together count once: it is the next attempt that tells more.
    if (!this.paused) this.#failuresInRow++
    const longestMs = this.#options.createBackoffMs * 2 ** Math.min(this.#failuresInRow - 1, 5)
    const pauseMs = (longestMs * (1 + Math.random())) / 2
    clearTimeout(this.#pause)
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      this.#handlers.onRetry()
    }, pauseMs).unref()

    const times = this.#failuresInRow === 1 ? '' : ` ${this.#failuresInRow} times in a row`
    const message = `${this.#pool}: creating an object failed${times}: ${messageOf(cause)} (next attempt in ${Math.ceil(pauseMs)} ms)`
    return (this.#lastFailure = new PoolError('POOL_CREATE_FAILED', message, { cause }))
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : inspect(cause)
}
