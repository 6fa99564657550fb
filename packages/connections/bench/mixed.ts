import type { Benchmark } from '@code/testkit'
import { atMostTimes } from './bars.ts'
import { closedLoop, mixedFigures } from './closed-loop.ts'
import { openContenders, type ContenderName, type Query } from './contenders.ts'
import type { Extent } from './extent.ts'
import { readBusy, readOrSleep, readPoint, readSometimesSleeping } from './points.ts'

const inFlight = 64

/** What is asked at a share of slow statements, as times of pg.Pool's figures. */
interface Bars {
  readonly slowShare: number
  readonly rps?: number
  readonly fastP95Ms: number
  readonly slowP95Ms: number
  /** Of the mode that gives the fast ones precedence. */
  readonly isolatedFastP95Ms?: number
}

/** Slow statements among point reads, by a text of their own. */
export async function measureMixed(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  const bars: Bars[] = [
    { slowShare: 0.01, rps: 1.7, fastP95Ms: 0.75, slowP95Ms: 1.4, isolatedFastP95Ms: 0.5 },
    { slowShare: 0.05, fastP95Ms: 1, slowP95Ms: 1.3, isolatedFastP95Ms: 0.3 },
    { slowShare: 0.2, fastP95Ms: 1.1, slowP95Ms: 1.1, isolatedFastP95Ms: 0.3 },
  ]
  for (const bar of bars) {
    await measure(suite, url, { extent, bar, of: 'statements sleeping 20 ms', call: readOrSleep })
  }
}

/** One text that is slow for some parameters and fast for others: nobody can tell before. */
export async function measureBimodal(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  const bars: Bars[] = [
    { slowShare: 0.01, fastP95Ms: 1.3, slowP95Ms: 1.3 },
    { slowShare: 0.05, fastP95Ms: 1.1, slowP95Ms: 1.1 },
    { slowShare: 0.2, fastP95Ms: 1.1, slowP95Ms: 1.1 },
  ]
  for (const bar of bars) {
    const of = 'executions of one text sleeping 20 ms'
    await measure(suite, url, { extent, bar, of, call: readSometimesSleeping })
  }
}

/** Slow statements that take the server's processor from the others instead of sleeping. Nothing is asked. */
export async function measureBusy(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  await using contenders = openContenders(url, ['pg.Pool', 'ours', 'ours, isolate', 'postgres.js'])
  await suite.samples({
    title: `${inFlight} in flight, 5 % statements that keep a core of the server busy`,
    rounds: extent.rounds,
    arms: contenders.arms(async ({ query }) => {
      const call = (isSlow: boolean): Promise<void> => (isSlow ? readBusy(query) : readPoint(query))
      return mixedFigures(await closedLoop({ inFlight, forMs: extent.sampleMs, slowShare: 0.05, call }))
    }),
    higherIsBetter: ['rps'],
  })
}

interface Mix {
  readonly extent: Extent
  readonly bar: Bars
  readonly of: string
  readonly call: (query: Query, isSlow: boolean) => Promise<void>
}

async function measure(suite: Benchmark, url: string, { extent, bar, of, call }: Mix): Promise<void> {
  const { slowShare, rps, fastP95Ms, slowP95Ms, isolatedFastP95Ms } = bar
  const names: ContenderName[] = ['pg.Pool', 'ours']
  if (isolatedFastP95Ms !== undefined) names.push('ours, isolate')
  if (extent.postgresJs) names.push('postgres.js')
  await using contenders = openContenders(url, names)
  const measured = await suite.samples({
    title: `${inFlight} in flight, ${slowShare * 100} % ${of}`,
    rounds: extent.rounds,
    arms: contenders.arms(async ({ query }) =>
      mixedFigures(
        await closedLoop({
          inFlight,
          forMs: extent.sampleMs,
          slowShare,
          call: (isSlow) => call(query, isSlow),
        }),
      ),
    ),
    higherIsBetter: ['rps'],
  })
  const ours = { in: measured, arm: 'ours', than: 'pg.Pool' } as const
  if (rps !== undefined) {
    const claim = 'few slow statements do not cost what sharing gains'
    suite.atLeast({ ...ours, metric: 'rps', timesBetterThan: rps, claim })
  }
  atMostTimes(suite, { ...ours, metric: 'fastP95Ms', times: fastP95Ms })
  atMostTimes(suite, { ...ours, metric: 'slowP95Ms', times: slowP95Ms })
  if (isolatedFastP95Ms !== undefined) {
    atMostTimes(suite, { ...ours, arm: 'ours, isolate', metric: 'fastP95Ms', times: isolatedFastP95Ms })
  }
}
