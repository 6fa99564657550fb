import { setTimeout as sleep } from 'node:timers/promises'
import { quantile, type Benchmark } from '@code/testkit'
import { Client } from 'pg'
import { openContenders, type Contender, type ContenderName } from './contenders.ts'
import type { Extent } from './extent.ts'
import { openLoop, type Arrival } from './open-loop.ts'
import { execute } from './points.ts'

/** Statements a second on each of the two tables: in five seconds fewer than any queue refuses. */
const ratePerSecond = 800
const beforeMs = 300
const afterMs = 800

const statements = {
  locked: { name: 'locked', text: 'select id, v from locked where id = $1' },
  free: { name: 'free', text: 'select id, v from free where id = $1' },
}

/**
 * Somebody locks a table (a migration, say) while statements on it and on another one keep coming. Those on the
 * locked table wait, whoever sends them; the figures are those of the other table, by when its statements came.
 */
export async function measureLockedTable(suite: Benchmark, url: string, extent: Extent): Promise<void> {
  await execute(
    url,
    ...['locked', 'free'].flatMap((table) => [
      `create table ${table} (id int primary key, v text not null)`,
      `insert into ${table} select id, '${table} ' || id from generate_series(0, 999) id`,
      `vacuum analyze ${table}`,
    ]),
  )
  for (const lockMs of extent.locksMs) {
    const names: ContenderName[] = ['pg.Pool', 'ours']
    if (extent.postgresJs) names.push('ours, isolate', 'postgres.js')
    await using contenders = openContenders(url, names)
    const measured = await suite.samples({
      title: `one table locked for ${lockMs / 1_000} s, ${ratePerSecond} statements a second on another`,
      rounds: extent.rounds,
      arms: contenders.arms((contender) => sample(url, contender, lockMs)),
    })
    const ours = { in: measured, arm: 'ours', value: 10 } as const
    const claim = 'after 200 ms a lock on one table is no matter of the others'
    suite.atMost({ ...ours, metric: 'lockedP95Ms', claim })
    suite.atMost({ ...ours, metric: 'releasedP95Ms', claim: 'back to normal 100 ms after the release' })
  }
}

type Metric = 'beforeP95Ms' | 'first200P95Ms' | 'lockedP50Ms' | 'lockedP95Ms' | 'releasedP95Ms'

async function sample(url: string, { query }: Contender, lockMs: number): Promise<Record<Metric, number>> {
  const arrivals = everyOther(beforeMs + lockMs + afterMs)
  const startedAt = performance.now()
  const [latencies, lock] = await Promise.all([
    openLoop(arrivals, async ({ kind, atMs }) => {
      const id = Math.floor(atMs) % 1_000
      const rows = await query(statements[kind], [id])
      if (rows.length === 1 && rows[0]?.['v'] === `${kind} ${id}`) return
      throw new Error(`${kind} ${id} gave ${JSON.stringify(rows)}`)
    }),
    lockTable(url, lockMs),
  ])
  const lockedAt = lock.lockedAt - startedAt
  const releasedAt = lock.releasedAt - startedAt
  const free = (q: number, fromMs: number, toMs: number): number => {
    const during = (_: unknown, i: number): boolean => {
      const { atMs, kind } = arrivals[i]!
      return kind === 'free' && atMs >= fromMs && atMs < toMs
    }
    return quantile(latencies.filter(during), q)
  }
  return {
    beforeP95Ms: free(0.95, 0, lockedAt),
    first200P95Ms: free(0.95, lockedAt, lockedAt + 200),
    lockedP50Ms: free(0.5, lockedAt + 200, releasedAt),
    lockedP95Ms: free(0.95, lockedAt + 200, releasedAt),
    releasedP95Ms: free(0.95, releasedAt + 100, Infinity),
  }
}

/** Evenly spaced, for one table and the other in turn. */
function everyOther(forMs: number): Arrival<'locked' | 'free'>[] {
  const gapMs = 500 / ratePerSecond
  return Array.from({ length: Math.floor(forMs / gapMs) }, (_, i) => ({
    atMs: i * gapMs,
    kind: i % 2 === 0 ? 'locked' : 'free',
  }))
}

async function lockTable(
  connectionString: string,
  lockMs: number,
): Promise<{ lockedAt: number; releasedAt: number }> {
  const dueAt = performance.now() + beforeMs
  const client = new Client({ connectionString })
  await client.connect()
  await client.query('begin')
  await sleep(dueAt - performance.now())
  await client.query('lock table locked in access exclusive mode')
  const lockedAt = performance.now()
  await sleep(lockMs)
  await client.query('commit')
  const releasedAt = performance.now()
  await client.end()
  return { lockedAt, releasedAt }
}
