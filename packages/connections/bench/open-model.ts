import { quantile, type Benchmark } from '@code/testkit'
import { atMostTimes } from './bars.ts'
import { closedLoop } from './closed-loop.ts'
import { openContenders, openPgPool, type Contender, type ContenderName } from './contenders.ts'
import type { Extent } from './extent.ts'
import { openLoop, poisson } from './open-loop.ts'
import { readOrSleep } from './points.ts'
import { seeded } from './random.ts'

const slowShare = 0.05

/**
 * Users who come whether the others are served or not, at a share of the rate that pg.Pool manages at most. That
 * rate is measured at the start of each round, for all arms of the round: a machine that slows down between
 * rounds changes what is offered, not how much of its capacity that is.
 */
export async function measureOpenModel(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  const probe = openPgPool(url)
  for (const load of extent.loads) {
    const names: ContenderName[] = ['pg.Pool', 'ours']
    if (extent.postgresJs) names.push('ours, isolate', 'postgres.js')
    await using contenders = openContenders(url, names)
    let calls = 0
    let ratePerSecond = 0
    const measured = await suite.samples({
      title: `Poisson arrivals at ${load * 100} % of pg.Pool's capacity, ${slowShare * 100} % sleeping 20 ms`,
      rounds: extent.rounds,
      arms: contenders.arms(async (contender) => {
        const round = Math.floor(calls / names.length)
        if (calls++ % names.length === 0) ratePerSecond = load * (await capacity(probe, extent.sampleMs))
        return offer(contender, { ratePerSecond, forMs: 1.5 * extent.sampleMs, seed: round })
      }),
    })
    if (load !== 0.775) continue
    const ours = { in: measured, arm: 'ours', than: 'pg.Pool' } as const
    atMostTimes(suite, { ...ours, metric: 'fastP95Ms', times: 0.6 })
    atMostTimes(suite, { ...ours, metric: 'slowP95Ms', times: 1.2 })
  }
  await probe.close()
}

/** The most it answers in a second of this mix. */
async function capacity({ query }: Contender, forMs: number): Promise<number> {
  const call = (isSlow: boolean): Promise<void> => readOrSleep(query, isSlow)
  return (await closedLoop({ inFlight: 64, forMs, slowShare, call })).rps
}

async function offer(
  { query }: Contender,
  { seed, ...load }: { ratePerSecond: number; forMs: number; seed: number },
): Promise<Record<'offeredPerSecond' | 'fastP50Ms' | 'fastP95Ms' | 'slowP95Ms', number>> {
  const random = seeded(seed)
  const arrivals = poisson(load, random, () => (random() < slowShare ? 'slow' : 'fast'))
  const latencies = await openLoop(arrivals, ({ kind }) => readOrSleep(query, kind === 'slow'))
  const of = (wanted: string): number[] => latencies.filter((_, i) => arrivals[i]!.kind === wanted)
  return {
    offeredPerSecond: load.ratePerSecond,
    fastP50Ms: quantile(of('fast'), 0.5),
    fastP95Ms: quantile(of('fast'), 0.95),
    slowP95Ms: quantile(of('slow'), 0.95),
  }
}
