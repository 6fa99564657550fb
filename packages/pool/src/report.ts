import { siteOf, type Taker } from './taker.ts'

/** Somebody who has an object on loan. */
export interface Holder {
  readonly heldMs: number
  /** The line that took it, where it is known: for every loan under `leakAfterMs`, else for one in 1,024. */
  readonly site?: string | undefined
  /** What the taker called itself: `acquire({ label })`. */
  readonly label?: string | undefined
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
  /** Loans that lasted longer than `leakAfterMs`. */
  leaks: number
  createFailures: number
  destroyFailures: number
}>

export function holderOf({ lentAt, taker }: { lentAt: number; taker: Taker | undefined }): Holder {
  const site = siteOf(taker)
  const { label } = taker ?? {}
  return Object.freeze({
    heldMs: Math.max(0, performance.now() - lentAt),
    ...(site !== undefined && { site }),
    ...(label !== undefined && { label }),
  })
}

/** What a caller who waited in vain needs to know: a leak, a pool too small and a dead factory look different. */
export function describeTimeout(
  waitedMs: number,
  stats: PoolStats,
  oldest: Holder | undefined,
  lastFailure: Error | undefined,
): string {
  const facts = [`${stats.inUse} of ${stats.maxSize} in use`]
  if (oldest !== undefined) facts.push(describeHolder(oldest))
  facts.push(`${stats.waiting} more wait`)
  if (lastFailure !== undefined) facts.push(lastFailure.message)
  return `no object within ${Math.round(waitedMs)} ms: ${facts.join(', ')}`
}

function describeHolder({ heldMs, site, label }: Holder): string {
  const by = label === undefined ? '' : ` by '${label}'`
  const from = site === undefined ? 'from an unknown line (leakAfterMs makes it known)' : `from ${site}`
  return `the oldest${by} for ${Math.round(heldMs)} ms ${from}`
}
