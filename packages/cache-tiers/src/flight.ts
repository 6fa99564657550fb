import { inspect } from 'node:util'
import { above0, longestTimerMs } from './check.ts'
import { CacheError } from './errors.ts'

/** What a computation is told, and may decide. */
export interface ComputeContext<K = string> {
  readonly key: K
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal
  /** How long this value is fresh, in milliseconds, above 0; overrides the caller's `ttlMs`. */
  setTtlMs(ttlMs: number): void
  /** Don't keep this value. */
  skip(): void
}

export interface WaitOptions {
  readonly hardTimeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** One running computation and the callers that wait for it. */
export class Flight<K, V> {
  readonly context: FlightContext<K>
  readonly #result = Promise.withResolvers<V>()
  readonly #abandoned: (flight: Flight<K, V>) => void
  #waiting = 0

  constructor(key: K, abandoned: (flight: Flight<K, V>) => void) {
    this.context = new FlightContext(key)
    this.#abandoned = abandoned
  }

  land(value: V): void {
    this.#result.resolve(value)
  }

  fail(error: unknown): void {
    this.#result.reject(error)
    this.context.abort(error)
  }

  /** Joins. A caller that leaves early rejects alone; with the last one the computation is aborted. */
  wait({ signal, hardTimeoutMs }: WaitOptions): Promise<V> {
    this.#waiting++
    const { promise } = this.#result
    // Who can't leave early shares the one promise.
    if (signal === undefined && hardTimeoutMs === undefined) return promise
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        stop()
        reject(reason)
        if (--this.#waiting > 0) return
        this.#abandoned(this)
        this.context.abort(reason)
      }
      const onAbort = (): void => leave(signal!.reason)
      const onTimeout = (): void => leave(timedOut(this.context.key, hardTimeoutMs))
      const timer =
        hardTimeoutMs === undefined
          ? undefined
          : setTimeout(onTimeout, Math.min(hardTimeoutMs, longestTimerMs))
      const stop = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      void promise.then(resolve, reject).finally(stop)
      if (signal?.aborted === true) onAbort()
    })
  }
}

function timedOut(key: unknown, hardTimeoutMs: number | undefined): CacheError {
  return new CacheError('CACHE_TIMEOUT', `no value for ${inspect(key, shortly)} within ${hardTimeoutMs} ms`)
}

const shortly = { depth: 0, maxStringLength: 100 } as const

class FlightContext<K> implements ComputeContext<K> {
  readonly key: K
  #controller: AbortController | undefined
  #aborted = false
  #reason: unknown
  #ttlMs: number | undefined
  #skipped = false

  constructor(key: K) {
    this.key = key
  }

  /** Made when it is asked for: most computations never look. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  get ttlMs(): number | undefined {
    return this.#ttlMs
  }

  get skipped(): boolean {
    return this.#skipped
  }

  setTtlMs(ttlMs: number): void {
    this.#ttlMs = above0('ttlMs', ttlMs)
  }

  skip(): void {
    this.#skipped = true
  }

  abort(reason: unknown): void {
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
