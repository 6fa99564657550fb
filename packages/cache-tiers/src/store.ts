import { LruOrder } from './lru-order.ts'
import type { EvictReason } from './options.ts'
import { evictChannel } from './telemetry.ts'

interface StoreOptions<K, V> {
  readonly maxSize: number
  readonly maxBytes: number
  readonly now: () => number
  /** Called once the store is consistent again; must not throw. */
  readonly left: (key: K, value: V, reason: EvictReason, ageMs: number) => void
}

/**
 * The entries in memory: a map from key to slot number, and one array a field. A hit allocates nothing and
 * an entry needs no object and no timer. Arrays that only some caches need come with the first such entry.
 */
export class Store<K, V> {
  readonly #options: StoreOptions<K, V>
  #slots = new Map<K, number>()
  #order!: LruOrder
  #keys!: (K | undefined)[]
  #values!: (V | undefined)[]
  #expiresAt: Float64Array<ArrayBuffer> | undefined
  #keptUntil: Float64Array<ArrayBuffer> | undefined
  #sizes: Float64Array<ArrayBuffer> | undefined
  #storedAt: Float64Array<ArrayBuffer> | undefined
  #free!: number[]
  #capacity!: number
  #bytes!: number

  constructor(options: StoreOptions<K, V>) {
    this.#options = options
    this.#reset()
  }

  get size(): number {
    return this.#slots.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Key and slot of each fresh entry, in order of insertion; changes meanwhile do no harm. */
  *fresh(): IterableIterator<[K, number]> {
    for (const entry of this.#slots) if (this.isUsable(entry[1], 0)) yield entry
  }

  /** The slot that holds `key`, fresh or not; 0 for none. */
  slotOf(key: K): number {
    return this.#slots.get(key) ?? 0
  }

  valueAt(slot: number): V {
    return this.#values[slot] as V
  }

  use(slot: number): void {
    this.#order.use(slot)
  }

  /** Whether the entry is fresh, or is kept and expired at most `graceMs` ago. */
  isUsable(slot: number, graceMs: number): boolean {
    if (this.#expiresAt === undefined) return true
    const expiresAt = this.#expiresAt[slot]!
    if (expiresAt === Infinity) return true
    const now = this.#options.now()
    return (
      now < expiresAt || (graceMs > 0 && now < Math.min(expiresAt + graceMs, this.#keptUntil?.[slot] ?? 0))
    )
  }

  ttlLeftMs(slot: number): number {
    return this.#expiresAt === undefined ? Infinity : this.#expiresAt[slot]! - this.#options.now()
  }

  /** Keeps an entry for `ttlMs + staleMs`, making room; `false` when it alone is more than `maxBytes`. */
  put(key: K, value: V, ttlMs: number, staleMs: number, bytes: number): boolean {
    if (bytes > this.#options.maxBytes) {
      this.remove(this.slotOf(key), 'replaced')
      this.#options.left(key, value, 'too-large', 0)
      return false
    }
    const slot = this.slotOf(key)
    if (slot === 0) this.#add(key, value, ttlMs, staleMs, bytes)
    else this.#replace(slot, value, ttlMs, staleMs, bytes)
    while (this.#bytes > this.#options.maxBytes) this.remove(this.#order.victim, 'bytes')
    return true
  }

  /** Forgets an entry whose time is over, stale time included. */
  dropIfOver(slot: number): void {
    if (!this.isUsable(slot, Infinity)) this.remove(slot, 'expired')
  }

  remove(slot: number, reason: EvictReason): boolean {
    if (slot === 0) return false
    const key = this.#keys[slot] as K
    const value = this.#values[slot] as V
    const ageMs = this.#ageMs(slot)
    this.#slots.delete(key)
    this.#order.remove(slot)
    this.#keys[slot] = undefined
    this.#values[slot] = undefined
    this.#bytes -= this.#sizes?.[slot] ?? 0
    this.#free.push(slot)
    this.#options.left(key, value, reason, ageMs)
    return true
  }

  clear(): void {
    const slots = this.#slots
    const values = this.#values
    this.#reset()
    for (const [key, slot] of slots) this.#options.left(key, values[slot] as V, 'cleared', 0)
  }

  #add(key: K, value: V, ttlMs: number, staleMs: number, bytes: number): void {
    if (this.#slots.size < this.#options.maxSize) {
      const slot = this.#free.pop() ?? this.#newSlot()
      this.#slots.set(key, slot)
      this.#order.add(slot)
      this.#write(slot, key, value, ttlMs, staleMs, bytes)
      return
    }
    // Full: the victim's slot passes straight to the new entry.
    const slot = this.#order.victim
    const oldKey = this.#keys[slot] as K
    const oldValue = this.#values[slot] as V
    const reason = this.isUsable(slot, 0) ? 'capacity' : 'expired'
    const ageMs = this.#ageMs(slot)
    this.#slots.delete(oldKey)
    this.#slots.set(key, slot)
    this.#order.use(slot)
    this.#bytes -= this.#sizes?.[slot] ?? 0
    this.#write(slot, key, value, ttlMs, staleMs, bytes)
    this.#options.left(oldKey, oldValue, reason, ageMs)
  }

  #replace(slot: number, value: V, ttlMs: number, staleMs: number, bytes: number): void {
    const key = this.#keys[slot] as K
    const oldValue = this.#values[slot] as V
    const ageMs = this.#ageMs(slot)
    this.#order.use(slot)
    this.#bytes -= this.#sizes?.[slot] ?? 0
    this.#write(slot, key, value, ttlMs, staleMs, bytes)
    if (!Object.is(oldValue, value)) this.#options.left(key, oldValue, 'replaced', ageMs)
  }

  #write(slot: number, key: K, value: V, ttlMs: number, staleMs: number, bytes: number): void {
    this.#keys[slot] = key
    this.#values[slot] = value
    const aged = this.#storedAt !== undefined || evictChannel.hasSubscribers
    const now = aged || ttlMs !== Infinity ? this.#options.now() : 0
    if (aged) this.#storedAt ??= this.#newField(now)
    if (this.#storedAt !== undefined) this.#storedAt[slot] = now
    if (ttlMs !== Infinity) this.#expiresAt ??= this.#newField(Infinity)
    if (this.#expiresAt !== undefined) this.#expiresAt[slot] = now + ttlMs
    if (staleMs > 0) this.#keptUntil ??= this.#newField(0)
    if (this.#keptUntil !== undefined) this.#keptUntil[slot] = now + ttlMs + staleMs
    if (bytes > 0) this.#sizes ??= this.#newField(0)
    if (this.#sizes !== undefined) this.#sizes[slot] = bytes
    this.#bytes += bytes
  }

  /** Only telemetry wants the age: it is measured from when somebody first listened. */
  #ageMs(slot: number): number {
    return this.#storedAt === undefined ? 0 : this.#options.now() - this.#storedAt[slot]!
  }

  #newSlot(): number {
    const slot = this.#keys.length
    if (slot > this.#capacity) this.#grow()
    this.#keys.push(undefined)
    this.#values.push(undefined)
    return slot
  }

  #grow(): void {
    this.#capacity = Math.min(2 * this.#capacity, this.#options.maxSize)
    this.#order.grow(this.#capacity)
    if (this.#expiresAt !== undefined) this.#expiresAt = this.#longer(this.#expiresAt)
    if (this.#keptUntil !== undefined) this.#keptUntil = this.#longer(this.#keptUntil)
    if (this.#sizes !== undefined) this.#sizes = this.#longer(this.#sizes)
    if (this.#storedAt !== undefined) this.#storedAt = this.#longer(this.#storedAt)
  }

  #longer(field: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
    const longer = new Float64Array(this.#capacity + 1)
    longer.set(field)
    return longer
  }

  #newField(value: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#capacity + 1).fill(value)
  }

  #reset(): void {
    this.#slots = new Map()
    this.#capacity = Math.min(firstCapacity, this.#options.maxSize)
    this.#order = new LruOrder(this.#capacity)
    this.#keys = [undefined]
    this.#values = [undefined]
    this.#expiresAt = this.#keptUntil = this.#sizes = this.#storedAt = undefined
    this.#free = []
    this.#bytes = 0
  }
}

const firstCapacity = 64
