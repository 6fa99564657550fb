import type { AsyncLRUCacheOptions, EvictReason } from './options.ts'
import { evictChannel, type EvictMessage } from './telemetry.ts'

/** Tells of the values that leave a cache, and holds back what `onEvict` throws until the cache is consistent. */
export class Departures<K, V> {
  readonly #cache: string
  readonly #onEvict: AsyncLRUCacheOptions<K, V>['onEvict']
  readonly #thrown: unknown[] = []
  #evictions = 0
  #refused = 0

  constructor(cache: string, onEvict: AsyncLRUCacheOptions<K, V>['onEvict']) {
    this.#cache = cache
    this.#onEvict = onEvict
  }

  get evictions(): number {
    return this.#evictions
  }

  get refused(): number {
    return this.#refused
  }

  readonly left = (key: K, value: V, reason: EvictReason, ageMs: number): void => {
    if (reason === 'capacity' || reason === 'bytes') this.#evictions++
    else if (reason === 'too-large') this.#refused++
    if (
      evictChannel.hasSubscribers &&
      reason !== 'replaced' &&
      reason !== 'deleted' &&
      reason !== 'cleared'
    ) {
      evictChannel.publish({ cache: this.#cache, tier: 'l1', reason, ageMs } satisfies EvictMessage)
    }
    if (this.#onEvict === undefined) return
    try {
      this.#onEvict(key, value, reason)
    } catch (error) {
      this.#thrown.push(error)
    }
  }

  /** Throws what `onEvict` threw since the last time. */
  rethrow(): void {
    if (this.#thrown.length === 0) return
    const errors = this.#thrown.splice(0)
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, `onEvict threw ${errors.length} times`)
  }
}
