import { AsyncLRUCache } from './async-lru-cache.ts'
import { checkMs, checkObject } from './check.ts'
import { CacheError } from './errors.ts'
import type { ComputeContext } from './flight.ts'
import { registerInstrument } from './instrument.ts'
import { MemoryTier, type Compute } from './memory-tier.ts'
import type { GetOrComputeOptions, SetOptions } from './options.ts'
import type { CloseOptions, CloseReport, Holder, TieredCacheStats } from './report.ts'

export interface CacheConfig {
  /** The name in telemetry. @default `tiered-cache-1`, `tiered-cache-2`, … */
  readonly name?: string | undefined
  /** The limits of this cache's own memory, or a cache whose memory it shares and whose name telemetry shows. */
  readonly l1: TierLimits | AsyncLRUCache
  /** Goes before every key, so that caches can share a tier. @default none */
  readonly namespace?: string | undefined
}

export interface TierLimits {
  /** Most entries kept. Integer from 1. */
  readonly maxSize: number
  /** Most bytes kept, by an estimate that walks each value. A number above 0. @default no limit */
  readonly maxBytes?: number | undefined
}

let unnamed = 0

/** A cache that serves stale values while they are renewed or can't be, under keys of its own, and can be closed. */
export class TieredCache implements AsyncDisposable {
  readonly name: string
  readonly #l1: MemoryTier<string, unknown>
  readonly #ownsL1: boolean
  readonly #prefix: string
  readonly #running = new Set<Running>()
  readonly #unregister: () => void
  #closing: Promise<CloseReport> | undefined
  #ended: (() => void) | undefined

  constructor(config: CacheConfig) {
    checkObject('config', config)
    const { name = `tiered-cache-${++unnamed}`, l1, namespace } = config
    checkObject('l1', l1)
    this.name = name
    this.#ownsL1 = !(l1 instanceof AsyncLRUCache)
    this.#l1 = l1 instanceof AsyncLRUCache ? l1 : new MemoryTier(name, l1)
    this.#prefix = namespace === undefined ? '' : `${namespace}:`
    this.#unregister = registerInstrument('cache', name, this)
  }

  /**
   * The value of `key`; computed if there is none, once however many callers wait for it. A failure rejects
   * them all and is not kept.
   *
   * @throws {CacheError} CACHE_TIMEOUT when `hardTimeoutMs` is over, CACHE_CLOSED once the cache is closed.
   */
  getOrCompute<V>(key: string, compute: Compute<string, V>, options?: GetOrComputeOptions): Promise<V> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed())
    const run = (context: ComputeContext): Promise<V> => this.#run(key, compute, context)
    return this.#l1.getOrCompute(this.#prefix + key, run, options) as Promise<V>
  }

  /** @throws {CacheError} CACHE_CLOSED once the cache is closed. */
  async get<V = unknown>(key: string): Promise<V | undefined> {
    this.#checkOpen()
    return this.#l1.get(this.#prefix + key) as V | undefined
  }

  /** @throws {CacheError} CACHE_CLOSED once the cache is closed. */
  async set(key: string, value: unknown, options?: SetOptions): Promise<void> {
    this.#checkOpen()
    this.#l1.set(this.#prefix + key, value, options)
  }

  /**
   * Forgets these keys; a computation of one that is running still answers its callers but is not kept.
   *
   * @throws {CacheError} CACHE_CLOSED once the cache is closed.
   */
  async invalidate({ keys }: { readonly keys: Iterable<string> }): Promise<void> {
    this.#checkOpen()
    this.#l1.deleteMany(Array.from(keys, (key) => this.#prefix + key))
  }

  /**
   * Keeps entries before anybody asks for them, the most wanted last.
   *
   * @throws {CacheError} CACHE_CLOSED once the cache is closed.
   */
  async warm(
    entries: Iterable<readonly [string, unknown]> | AsyncIterable<readonly [string, unknown]>,
    options?: SetOptions,
  ): Promise<void> {
    for await (const [key, value] of entries) await this.set(key, value, options)
  }

  stats(): TieredCacheStats {
    const l1 = this.#l1.stats()
    return Object.freeze({
      computes: l1.computes,
      computeFailures: l1.computeFailures,
      inFlight: l1.inFlight,
      'l1.size': l1.size,
      'l1.maxSize': l1.maxSize,
      'l1.bytes': l1.bytes,
      'l1.hits': l1.hits,
      'l1.misses': l1.misses,
      'l1.staleHits': l1.staleHits,
      'l1.evictions': l1.evictions,
      'l1.refused': l1.refused,
    })
  }

  /**
   * Refuses new calls, waits for running computations, and at the deadline rejects those left with
   * `CACHE_CLOSED`. A cache given as `l1` keeps its entries.
   */
  close({ deadlineMs = 10_000 }: CloseOptions = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    return (this.#closing ??= this.#close(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    this.#unregister()
    if (this.#running.size > 0) await this.#allEnded(deadlineMs)
    const now = performance.now()
    const left = [...this.#running]
    for (const { cutOff } of left) cutOff(this.#closed())
    if (this.#ownsL1) this.#l1.clear()
    const holders = left.map(({ key, startedAt }): Holder =>
      Object.freeze({ heldMs: now - startedAt, label: key }),
    )
    const ms = now - startedAt
    return Object.freeze({ closed: left.length === 0, ms, holders: Object.freeze(holders) })
  }

  async #allEnded(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = resolve
    const timer = setTimeout(resolve, deadlineMs)
    await promise
    clearTimeout(timer)
  }

  /** Computes where `close` can see it and cut it off. */
  async #run<V>(key: string, compute: Compute<string, V>, context: ComputeContext): Promise<V> {
    const { promise, reject } = Promise.withResolvers<never>()
    const running: Running = { key, startedAt: performance.now(), cutOff: reject }
    this.#running.add(running)
    try {
      return await Promise.race([compute(this.#prefix === '' ? context : withKey(context, key)), promise])
    } finally {
      this.#running.delete(running)
      if (this.#running.size === 0) this.#ended?.()
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw this.#closed()
  }

  #closed(): CacheError {
    return new CacheError('CACHE_CLOSED', `cache ${this.name} is closed`)
  }
}

interface Running {
  readonly key: string
  readonly startedAt: number
  readonly cutOff: (error: CacheError) => void
}

/** The caller's own key, without the namespace. */
function withKey(context: ComputeContext, key: string): ComputeContext {
  return {
    key,
    get signal() {
      return context.signal
    },
    setTtlMs: (ttlMs) => context.setTtlMs(ttlMs),
    skip: () => context.skip(),
  }
}
