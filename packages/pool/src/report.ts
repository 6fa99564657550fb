/** Somebody who has an object on loan. */
export interface Holder {
  readonly heldMs: number
}

/** How a close ended. */
export interface CloseReport {
  /** Whether every object had been returned and destroyed by the deadline. */
  readonly closed: boolean
  readonly ms: number
  /** Who still held an object at the deadline. */
  readonly holders: readonly Holder[]
}

/** The figures of a pool at one moment. `size` counts the objects alive, lent or not; the counts of events only grow. */
export type PoolStats = Readonly<{
  size: number
  maxSize: number
  minSize: number
  idle: number
  inUse: number
  creating: number
  waiting: number
  created: number
  destroyed: number
  timeouts: number
  createFailures: number
  destroyFailures: number
}>

/** What a caller who waited in vain needs to know: a leak, a pool too small and a dead factory look different. */
export function describeTimeout(
  waitedMs: number,
  stats: PoolStats,
  oldestMs: number | undefined,
  lastFailure: Error | undefined,
): string {
  const facts = [`${stats.inUse} of ${stats.maxSize} in use`]
  if (oldestMs !== undefined) facts.push(`the oldest for ${Math.round(oldestMs)} ms`)
  facts.push(`${stats.waiting} more wait`)
  if (lastFailure !== undefined) facts.push(lastFailure.message)
  return `no object within ${Math.round(waitedMs)} ms: ${facts.join(', ')}`
}
