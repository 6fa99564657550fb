import { postgres } from '@code/connections/postgres'
import { startPostgres, startProxy, type Benchmark } from '@code/testkit'
import { newPgPool } from './contenders.ts'
import type { Extent } from './extent.ts'
import { execute } from './points.ts'

const limitMs = 200

/**
 * How fast callers are out of trouble. What they see is asserted by the tests; here are the times. pg.Pool takes
 * part where it ends at all: without limits of its own it waits for ever in a black hole.
 */
export async function measureFaults(suite: Benchmark, { rounds }: Extent): Promise<void> {
  await using server = await startPostgres()
  await using proxy = await startProxy(server)
  const { user, password, database } = server
  const options = { host: proxy.host, port: proxy.port, user, password, database }

  const silent = await suite.samples({
    title: `a server that falls silent, calls with a limit of ${limitMs} ms`,
    rounds,
    arms: {
      ours: async () => {
        await using db = postgres({ ...options, connectTimeoutMs: 1_000 }).open()
        await db.query('select 1', [])
        proxy.stall()
        const ended = await timeOf(() => db.query('select 1', [], { timeoutMs: limitMs }).catch(() => {}))
        proxy.resume()
        const nextMs = await timeOf(() => db.query('select 1', []))
        return { overLimitMs: Math.max(0, ended - limitMs), nextMs }
      },
    },
  })
  suite.atMost({
    in: silent,
    metric: 'overLimitMs',
    arm: 'ours',
    value: 50,
    claim: 'every call ends at its limit',
  })
  suite.atMost({ in: silent, metric: 'nextMs', arm: 'ours', value: 100, claim: 'the next call works' })

  const terminated = await suite.samples({
    title: '1,000 reads, 32 in flight, after all idle connections were terminated',
    rounds,
    arms: {
      'pg.Pool': async () => {
        const pool = newPgPool(server.url)
        const figures = await afterTermination(server.url, () => pool.query('select 1'))
        await pool.end()
        return figures
      },
      ours: async () => {
        await using db = postgres({ connectionString: server.url }).open()
        return await afterTermination(server.url, () => db.query('select 1', []))
      },
    },
  })
  suite.atMost({ in: terminated, metric: 'failures', arm: 'ours', value: 0 })

  const closing = await suite.samples({
    title:
      'a close with a deadline of 100 ms, a connection leaked and a statement stuck behind a silent proxy',
    rounds,
    arms: {
      ours: async () => {
        const db = postgres(options).open()
        await db.getConnection()
        const stuck = db.query('select pg_sleep(60)').catch(() => {})
        proxy.stall()
        const overDeadlineMs = Math.max(0, (await timeOf(() => db.close({ deadlineMs: 100 }))) - 100)
        proxy.resume()
        await stuck
        return { overDeadlineMs }
      },
    },
  })
  suite.atMost({
    in: closing,
    metric: 'overDeadlineMs',
    arm: 'ours',
    value: 50,
    claim: 'a close always ends',
  })
}

async function afterTermination(
  url: string,
  read: () => Promise<unknown>,
): Promise<{ failures: number; ms: number }> {
  await Promise.all(Array.from({ length: 32 }, read))
  await execute(url, 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()')
  let failures = 0
  let left = 1_000
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      await read().catch(() => {
        failures++
      })
    }
  }
  const ms = await timeOf(() => Promise.all(Array.from({ length: 32 }, caller)))
  return { failures, ms }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
