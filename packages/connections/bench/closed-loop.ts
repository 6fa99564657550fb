import { quantile } from '@code/testkit'
import { seeded } from './random.ts'

export interface ClosedLoop {
  /** Callers; each asks again as soon as it has its answer. */
  readonly inFlight: number
  readonly forMs: number
  /** The share of the calls that are told to be slow. @default 0 */
  readonly slowShare?: number | undefined
  readonly call: (isSlow: boolean) => Promise<unknown>
}

/** What was answered, and how long each answer took, in milliseconds. */
export interface LoadFigures {
  readonly rps: number
  readonly fast: readonly number[]
  readonly slow: readonly number[]
}

/** Keeps `inFlight` calls under way: the same loop, the same mix of calls, whoever answers them. */
export async function closedLoop({ inFlight, forMs, slowShare = 0, call }: ClosedLoop): Promise<LoadFigures> {
  const random = seeded(inFlight)
  const fast: number[] = []
  const slow: number[] = []
  const startedAt = performance.now()
  const endsAt = startedAt + forMs
  const caller = async (): Promise<void> => {
    for (let now = performance.now(); now < endsAt;) {
      const isSlow = slowShare > 0 && random() < slowShare
      await call(isSlow)
      const then = now
      now = performance.now()
      ;(isSlow ? slow : fast).push(now - then)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const seconds = (performance.now() - startedAt) / 1_000
  return { rps: (fast.length + slow.length) / seconds, fast, slow }
}

/** Figures of calls of one kind. */
export function plainFigures({ rps, fast }: LoadFigures): Record<'rps' | 'p50Ms' | 'p95Ms', number> {
  return { rps, p50Ms: quantile(fast, 0.5), p95Ms: quantile(fast, 0.95) }
}

export type MixedMetric = 'rps' | 'fastP50Ms' | 'fastP95Ms' | 'slowP95Ms'

/** Figures of fast and slow calls, each for themselves. */
export function mixedFigures({ rps, fast, slow }: LoadFigures): Record<MixedMetric, number> {
  return {
    rps,
    fastP50Ms: quantile(fast, 0.5),
    fastP95Ms: quantile(fast, 0.95),
    slowP95Ms: quantile(slow, 0.95),
  }
}
