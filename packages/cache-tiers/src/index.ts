export { AsyncLRUCache } from './async-lru-cache.ts'
export type {
  Cached,
  CachedArguments,
  CachedMethodDecorator,
  CachedMethodOptions,
  CachedOptions,
} from './cached.ts'
export { CacheError, type CacheErrorCode } from './errors.ts'
export type { ComputeContext } from './flight.ts'
export type { Compute } from './memory-tier.ts'
export type { AsyncLRUCacheOptions, EvictReason, GetOrComputeOptions, SetOptions } from './options.ts'
export type { CacheStats, CloseOptions, CloseReport, Holder, TieredCacheStats } from './report.ts'
export type {
  ComputeMessage,
  EvictMessage,
  GivenUpReason,
  InvalidateMessage,
  LookupMessage,
} from './telemetry.ts'
export { TieredCache, type CacheConfig, type TierLimits } from './tiered-cache.ts'
