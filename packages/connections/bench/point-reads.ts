import type { Benchmark } from '@code/testkit'
import { closedLoop, plainFigures } from './closed-loop.ts'
import { openContenders, type ContenderName } from './contenders.ts'
import type { Extent } from './extent.ts'
import { readPoint } from './points.ts'

/**
 * One row by its key, with so many callers at once. A connection per request is what the guide compares with; the
 * honest comparison is pg.Pool with named statements.
 */
export async function measurePointReads(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  for (const inFlight of extent.inFlight) {
    const perRequest = inFlight === 1 || inFlight === 32
    const names: ContenderName[] = ['pg.Pool', 'postgres.js', 'ours']
    if (perRequest) names.push('a connection per request')
    if (inFlight === 1) names.push('pg.Pool, again')
    await using contenders = openContenders(url, names)
    // With one caller every arm has two levels, far apart: client and server share a core, or they do not, and the
    // scheduler changes its mind from round to round. pg.Pool runs against itself as well, to show how much of a
    // ratio is that; the many short samples only give the interval more to stand on.
    const split = inFlight === 1 ? 4 : 1
    const forMs = extent.sampleMs / split
    const measured = await suite.samples({
      title: `point read, ${inFlight} in flight`,
      rounds: split * extent.rounds,
      arms: contenders.arms(async ({ query }) =>
        plainFigures(await closedLoop({ inFlight, forMs, call: () => readPoint(query) })),
      ),
      higherIsBetter: ['rps'],
    })
    const ours = { in: measured, arm: 'ours' } as const
    if (perRequest) {
      suite.atLeast({
        ...ours,
        metric: 'p50Ms',
        timesBetterThan: 10,
        than: 'a connection per request',
        claim: 'the guide: 40 to 60 % less, which is 2.5 times',
      })
    }
    if (inFlight === 1) {
      const claim = 'with one caller there is nothing to gain, and nothing may be lost'
      suite.atLeast({ ...ours, metric: 'rps', timesBetterThan: 0.95, than: 'pg.Pool', claim })
    } else if (inFlight === 32 || inFlight === 128) {
      const claim = 'statements share pipelined connections'
      suite.atLeast({ ...ours, metric: 'rps', timesBetterThan: 1.8, than: 'pg.Pool', claim })
      suite.atLeast({ ...ours, metric: 'rps', timesBetterThan: 1.3, than: 'postgres.js', claim })
      suite.atLeast({
        ...ours,
        metric: 'p95Ms',
        timesBetterThan: 1 / 0.7,
        than: 'pg.Pool',
        claim: 'at most 0.7 times',
      })
    }
  }
}
