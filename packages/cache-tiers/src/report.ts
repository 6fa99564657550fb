/** The figures of a cache at one moment. `size`, `bytes` and `inFlight` are levels; the counts of events only grow. */
export type CacheStats = Readonly<{
  size: number
  maxSize: number
  /** The sum of `sizeOf`; 0 when entries aren't measured. */
  bytes: number
  hits: number
  misses: number
  /** Hits on an expired value, served while it was renewed or because it could not be. */
  staleHits: number
  /** Values given up for lack of room. */
  evictions: number
  /** Values refused because they alone are more than `maxBytes`. */
  refused: number
  computes: number
  computeFailures: number
  /** Computations running. */
  inFlight: number
}>

/** The figures of a tiered cache; those of a tier carry its prefix. */
export type TieredCacheStats = Readonly<{
  computes: number
  computeFailures: number
  inFlight: number
  'l1.size': number
  'l1.maxSize': number
  'l1.bytes': number
  'l1.hits': number
  'l1.misses': number
  'l1.staleHits': number
  'l1.evictions': number
  'l1.refused': number
}>

/** A computation that was still running. */
export interface Holder {
  readonly heldMs: number
  /** The key it computes. */
  readonly label?: string | undefined
}

/** How a close ended. */
export interface CloseReport {
  /** Whether every computation had ended by the deadline. */
  readonly closed: boolean
  readonly ms: number
  /** The computations that were cut off at the deadline. */
  readonly holders: readonly Holder[]
}

/** Options of a close, which always ends. */
export interface CloseOptions {
  /** How long to wait for running computations, in milliseconds, from 1. @default 10_000 */
  readonly deadlineMs?: number | undefined
}
