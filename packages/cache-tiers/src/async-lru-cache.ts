import {
  cached,
  cachedMethod,
  type Cached,
  type CachedArguments,
  type CachedMethodDecorator,
  type CachedMethodOptions,
} from './cached.ts'
import { checkObject } from './check.ts'
import { registerInstrument } from './instrument.ts'
import { MemoryTier } from './memory-tier.ts'
import type { AsyncLRUCacheOptions } from './options.ts'

let unnamed = 0

/**
 * An exact LRU cache with expiry and a byte limit, in which one computation serves every caller that waits
 * for the same key.
 */
export class AsyncLRUCache<K = string, V = unknown> extends MemoryTier<K, V> {
  constructor(options: AsyncLRUCacheOptions<K, V>) {
    checkObject('options', options)
    super(options.name ?? `cache-${++unnamed}`, options)
    registerInstrument('cache', this.name, this)
  }

  /** A function that asks this cache first. Its calls by default don't share keys with any other function's. */
  cached<A extends unknown[], R extends V>(
    fn: (...args: A) => R | Promise<R>,
    ...[options]: CachedArguments<A, K>
  ): Cached<A, R> {
    return cached<A, K, R, V>(this, fn, options)
  }

  /** A standard decorator: an asynchronous method asks this cache first. By default each instance has its own results. */
  cachedMethod<This extends object, A extends unknown[] = never[]>(
    options: CachedMethodOptions<This, A, K> = {},
  ): CachedMethodDecorator<This, A, V> {
    return cachedMethod<This, A, K, V>(this, options)
  }
}
