import { above0, checkFunction, checkInteger, describe, from0 } from './check.ts'
import { estimateBytes } from './estimate-bytes.ts'

/**
 * Why a value left: `capacity` and `bytes`: the room was needed; `expired`: its time was over; `too-large`:
 * more than `maxBytes` on its own, never kept; `replaced`, `deleted`, `cleared`: the caller's doing.
 */
export type EvictReason = 'capacity' | 'bytes' | 'expired' | 'too-large' | 'replaced' | 'deleted' | 'cleared'

export interface AsyncLRUCacheOptions<K, V> {
  /** The name in telemetry. @default `cache-1`, `cache-2`, … */
  readonly name?: string | undefined
  /** Most entries kept. Integer from 1. */
  readonly maxSize: number
  /** Most bytes kept, by `sizeOf`. A number above 0. @default no limit */
  readonly maxBytes?: number | undefined
  /** Bytes of an entry, from 0. @default with `maxBytes`, an estimate that walks the value */
  readonly sizeOf?: ((value: V, key: K) => number) | undefined
  /** How long a value is fresh, in milliseconds, above 0. @default Infinity */
  readonly ttlMs?: number | undefined
  /** Monotonic milliseconds. @default `performance.now`, sampled at most a millisecond ago */
  readonly clock?: (() => number) | undefined
  /** Copies values on their way in and out; `true` is `structuredClone`. @default false */
  readonly clone?: boolean | ((value: V) => V) | undefined
  /** Told of every value that leaves, after it left. What it throws reaches the caller whose call caused it. */
  readonly onEvict?: ((key: K, value: V, reason: EvictReason) => void) | undefined
}

const defaults = { maxBytes: Infinity, ttlMs: Infinity } as const

export interface SetOptions {
  /** How long the value is fresh, in milliseconds, above 0. @default the cache's `ttlMs` */
  readonly ttlMs?: number | undefined
  /** How long it stays for `getStale` after that, in milliseconds, from 0. @default 0 */
  readonly staleMs?: number | undefined
  /** Bytes of the entry, from 0. @default `sizeOf(value, key)` */
  readonly size?: number | undefined
}

export interface GetOrComputeOptions {
  /** How long a computed value is fresh, in milliseconds, above 0. @default the cache's `ttlMs` */
  readonly ttlMs?: number | undefined
  /** Shortens `ttlMs` by a random part of up to this share, 0 to 1, so that entries don't expire together. @default 0 */
  readonly jitter?: number | undefined
  /** How long after its expiry a value is served while one computation renews it, in milliseconds. @default 0 */
  readonly swrMs?: number | undefined
  /** How long after its expiry a value is served when the computation fails, in milliseconds. @default 0 */
  readonly staleIfErrorMs?: number | undefined
  /** How long this caller waits before `CACHE_TIMEOUT`, in milliseconds, above 0. @default no limit */
  readonly hardTimeoutMs?: number | undefined
  /** Ends the wait of this caller with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
}

/** The options of a cache, checked and complete. */
export interface CheckedOptions<K, V> {
  readonly maxSize: number
  readonly maxBytes: number
  readonly sizeOf: ((value: V, key: K) => number) | undefined
  readonly ttlMs: number
  readonly clone: ((value: V) => V) | undefined
}

export function checkOptions<K, V>(options: AsyncLRUCacheOptions<K, V>): CheckedOptions<K, V> {
  const { maxSize, maxBytes = defaults.maxBytes, ttlMs = defaults.ttlMs, clone } = options
  checkInteger('maxSize', maxSize, 1, mostSlots)
  for (const name of ['sizeOf', 'clock', 'onEvict'] as const) {
    if (options[name] !== undefined) checkFunction(name, options[name])
  }
  if (clone !== undefined && typeof clone !== 'boolean') checkFunction('clone', clone)
  const sizeOf = options.sizeOf ?? (options.maxBytes === undefined ? undefined : estimateBytes)
  return {
    maxSize,
    maxBytes: above0('maxBytes', maxBytes),
    sizeOf,
    ttlMs: above0('ttlMs', ttlMs),
    clone: clone === true ? structuredClone : clone || undefined,
  }
}

/** A `Map` of more entries can outgrow V8's largest table while entries come and go. */
const mostSlots = 2 ** 23

export function checkGetOrCompute(options: GetOrComputeOptions): void {
  if (options.ttlMs !== undefined) above0('ttlMs', options.ttlMs)
  if (options.swrMs !== undefined) from0('swrMs', options.swrMs)
  if (options.staleIfErrorMs !== undefined) from0('staleIfErrorMs', options.staleIfErrorMs)
  if (options.hardTimeoutMs !== undefined) above0('hardTimeoutMs', options.hardTimeoutMs)
  const { jitter = 0 } = options
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) {
    throw new RangeError(`jitter must be a number from 0 to 1, got ${describe(jitter)}`)
  }
}
