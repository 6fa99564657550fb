import { above0, checkInteger, from0 } from './check.ts'
import { Departures } from './departures.ts'
import { Flight, type ComputeContext, type WaitOptions } from './flight.ts'
import {
  checkGetOrCompute,
  checkOptions,
  type AsyncLRUCacheOptions,
  type CheckedOptions,
  type GetOrComputeOptions,
  type SetOptions,
} from './options.ts'
import type { CacheStats } from './report.ts'
import { sampledNow } from './sampled-clock.ts'
import { Store } from './store.ts'
import {
  computeChannel,
  invalidateChannel,
  lookupChannel,
  type ComputeMessage,
  type InvalidateMessage,
  type LookupMessage,
} from './telemetry.ts'

/** Computes a value that the cache doesn't have. */
export type Compute<K, V> = (context: ComputeContext<K>) => V | Promise<V>

/** The cache in this process's memory: entries, the computations that make them, and their figures. */
export class MemoryTier<K, V> implements Iterable<[K, V]> {
  readonly name: string
  readonly #options: CheckedOptions<K, V>
  readonly #departures: Departures<K, V>
  readonly #store: Store<K, V>
  readonly #flights = new Map<K, Flight<K, V>>()
  #hits = 0
  #misses = 0
  #staleHits = 0
  #computes = 0
  #computeFailures = 0

  constructor(name: string, options: AsyncLRUCacheOptions<K, V>) {
    this.name = name
    this.#options = checkOptions(options)
    this.#departures = new Departures(name, options.onEvict)
    const { maxSize, maxBytes } = this.#options
    const { left } = this.#departures
    this.#store = new Store({ maxSize, maxBytes, now: options.clock ?? sampledNow, left })
  }

  /** Entries kept, expired ones that nobody asked for included. */
  get size(): number {
    return this.#store.size
  }

  /** The fresh value of `key`, which counts as its use. */
  get(key: K): V | undefined {
    const slot = this.#lookup(key, 0)
    return slot === 0 ? undefined : this.#copyAt(slot)
  }

  /** As `get`, without counting as a use. */
  peek(key: K): V | undefined {
    const slot = this.#freshSlot(key)
    return slot === 0 ? undefined : this.#copyAt(slot)
  }

  /** Whether there is a fresh value, which may be `undefined`. Doesn't count as a use. */
  has(key: K): boolean {
    return this.#freshSlot(key) !== 0
  }

  /** The value of `key`, fresh or still kept by its `staleMs`. Doesn't count as a use. */
  getStale(key: K): V | undefined {
    const slot = this.#store.slotOf(key)
    return slot === 0 || !this.#store.isUsable(slot, Infinity) ? undefined : this.#copyAt(slot)
  }

  /** How long the value of `key` is still fresh, in milliseconds; `Infinity` without a ttl, `undefined` if it isn't. */
  ttlLeftMs(key: K): number | undefined {
    const slot = this.#freshSlot(key)
    return slot === 0 ? undefined : this.#store.ttlLeftMs(slot)
  }

  /** Keeps a value, and disowns a computation of `key` that is running. `false` if it alone is over `maxBytes`. */
  set(key: K, value: V, options?: SetOptions): boolean {
    const ttlMs = options?.ttlMs === undefined ? this.#options.ttlMs : above0('ttlMs', options.ttlMs)
    const staleMs = options?.staleMs === undefined ? 0 : from0('staleMs', options.staleMs)
    return this.#keep(key, value, ttlMs, staleMs, options?.size)
  }

  /** Forgets `key`, and disowns a computation of it that is running. Tells whether there was an entry. */
  delete(key: K): boolean {
    return this.deleteMany([key]) === 1
  }

  /** As `delete` for each key. Returns how many had an entry. */
  deleteMany(keys: Iterable<K>): number {
    let asked = 0
    let deleted = 0
    for (const key of keys) {
      asked++
      this.#flights.delete(key)
      if (this.#store.remove(this.#store.slotOf(key), 'deleted')) deleted++
    }
    this.#invalidated(asked)
    this.#departures.rethrow()
    return deleted
  }

  /** Forgets everything, and disowns every running computation. The figures stay. */
  clear(): void {
    const keys = this.size
    this.#flights.clear()
    this.#store.clear()
    this.#invalidated(keys)
    this.#departures.rethrow()
  }

  /** Fresh entries in the order of their insertion. Doesn't count as a use. */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const [key, slot] of this.#store.fresh()) yield [key, this.#copyAt(slot)]
  }

  /**
   * The value of `key`; computed if there is none, once however many callers wait for it. A failure rejects
   * them all and is not kept.
   *
   * @throws {CacheError} CACHE_TIMEOUT when `hardTimeoutMs` is over.
   */
  async getOrCompute(key: K, compute: Compute<K, V>, options: GetOrComputeOptions = none): Promise<V> {
    const { signal, swrMs = 0 } = options
    if (signal?.aborted === true) throw signal.reason
    const slot = this.#lookup(key, swrMs)
    if (slot === 0) return this.#computed(key, compute, options)
    if (swrMs > 0 && !this.#store.isUsable(slot, 0)) {
      this.#staleHits++
      if (!this.#flights.has(key)) this.#renew(key, compute, options)
    }
    return this.#copyAt(slot)
  }

  /** Computes `key` anew whatever is there or running; until it is done the old value is served. */
  async refresh(key: K, compute: Compute<K, V>, options: GetOrComputeOptions = none): Promise<V> {
    checkGetOrCompute(options)
    options.signal?.throwIfAborted()
    return this.#join(this.#start(key, compute, options), options)
  }

  stats(): CacheStats {
    return Object.freeze({
      size: this.size,
      maxSize: this.#options.maxSize,
      bytes: this.#store.bytes,
      hits: this.#hits,
      misses: this.#misses,
      staleHits: this.#staleHits,
      evictions: this.#departures.evictions,
      refused: this.#departures.refused,
      computes: this.#computes,
      computeFailures: this.#computeFailures,
      inFlight: this.#flights.size,
    })
  }

  /** The slot of a value that is fresh, or expired at most `graceMs` ago; 0 if none. */
  #lookup(key: K, graceMs: number): number {
    if (!lookupChannel.hasSubscribers) return this.#find(key, graceMs)
    const startedAt = performance.now()
    const slot = this.#find(key, graceMs)
    const ms = performance.now() - startedAt
    const hit = slot === 0 ? 'none' : 'l1'
    lookupChannel.publish({ cache: this.name, hit, ms } satisfies LookupMessage)
    return slot
  }

  #find(key: K, graceMs: number): number {
    const store = this.#store
    const slot = store.slotOf(key)
    if (slot !== 0) {
      if (store.isUsable(slot, graceMs)) {
        this.#hits++
        store.use(slot)
        return slot
      }
      store.dropIfOver(slot)
      this.#departures.rethrow()
    }
    this.#misses++
    return 0
  }

  #freshSlot(key: K): number {
    const slot = this.#store.slotOf(key)
    return slot !== 0 && this.#store.isUsable(slot, 0) ? slot : 0
  }

  #copyAt(slot: number): V {
    const { clone } = this.#options
    const value = this.#store.valueAt(slot)
    return clone === undefined ? value : clone(value)
  }

  async #computed(key: K, compute: Compute<K, V>, options: GetOrComputeOptions): Promise<V> {
    checkGetOrCompute(options)
    const flight = this.#flights.get(key) ?? this.#start(key, compute, options)
    try {
      return await this.#join(flight, options)
    } catch (error) {
      const { signal, staleIfErrorMs = 0 } = options
      const slot = this.#store.slotOf(key)
      const answers = staleIfErrorMs > 0 && slot !== 0 && this.#store.isUsable(slot, staleIfErrorMs)
      if (!answers || signal?.aborted === true) throw error
      this.#staleHits++
      return this.#copyAt(slot)
    }
  }

  async #join(flight: Flight<K, V>, options: WaitOptions): Promise<V> {
    const value = await flight.wait(options)
    const { clone } = this.#options
    return clone === undefined ? value : clone(value)
  }

  /** Nobody waits for this one: its failure shows in the figures and on the channel. */
  #renew(key: K, compute: Compute<K, V>, options: GetOrComputeOptions): void {
    this.refresh(key, compute, { ...options, signal: undefined }).catch(() => {})
  }

  #start(key: K, compute: Compute<K, V>, options: GetOrComputeOptions): Flight<K, V> {
    const flight = new Flight<K, V>(key, this.#disown)
    this.#flights.set(key, flight)
    void this.#fly(flight, compute, options)
    return flight
  }

  async #fly(flight: Flight<K, V>, compute: Compute<K, V>, options: GetOrComputeOptions): Promise<void> {
    this.#computes++
    const startedAt = performance.now()
    let ok = false
    try {
      const value = await compute(flight.context)
      ok = true
      if (this.#disown(flight) && !flight.context.skipped) this.#keepComputed(flight, value, options)
      flight.land(value)
    } catch (error) {
      this.#disown(flight)
      flight.fail(error)
    }
    if (!ok) this.#computeFailures++
    if (computeChannel.hasSubscribers) {
      const ms = performance.now() - startedAt
      computeChannel.publish({ cache: this.name, ms, ok } satisfies ComputeMessage)
    }
  }

  /** Takes a computation off the list. `false` if the key was set, deleted or computed anew meanwhile: the result is late. */
  readonly #disown = (flight: Flight<K, V>): boolean => {
    const { key } = flight.context
    return this.#flights.get(key) === flight && this.#flights.delete(key)
  }

  #keepComputed(flight: Flight<K, V>, value: V, options: GetOrComputeOptions): void {
    const { key, ttlMs = options.ttlMs ?? this.#options.ttlMs } = flight.context
    const { jitter = 0, swrMs = 0, staleIfErrorMs = 0 } = options
    const spreadMs = jitter === 0 ? ttlMs : ttlMs * (1 - jitter * Math.random())
    this.#keep(key, value, spreadMs, Math.max(swrMs, staleIfErrorMs), undefined)
  }

  #keep(key: K, value: V, ttlMs: number, staleMs: number, size: number | undefined): boolean {
    const { clone, sizeOf } = this.#options
    const bytes = size ?? sizeOf?.(value, key) ?? 0
    checkInteger('size', bytes, 0)
    const own = clone === undefined ? value : clone(value)
    if (this.#flights.size > 0) this.#flights.delete(key)
    const kept = this.#store.put(key, own, ttlMs, staleMs, bytes)
    this.#departures.rethrow()
    return kept
  }

  #invalidated(keys: number): void {
    if (!invalidateChannel.hasSubscribers) return
    invalidateChannel.publish({ cache: this.name, keys, tags: 0, remote: false } satisfies InvalidateMessage)
  }
}

const none: GetOrComputeOptions = {}
