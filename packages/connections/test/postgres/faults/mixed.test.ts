import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, failures, load, running, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
beforeAll(async () => {
  await admin.query('create table points (id int primary key, v text)')
  await admin.query(`insert into points select i, 'p' || i from generate_series(0, 999) i`)
  await admin.query('create table sums (id int primary key, n int)')
  await admin.query('insert into sums values (1, 0)')
})
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test.for([1, 2, 3])(
  'with %i connections, transactions, leases, cursors and statements all get their turn, and a close ends',
  async (maxSize) => {
    await using db = open({ maxSize, acquireTimeoutMs: 8_000 })
    const loads = {
      reads: load(20, (i) => db.query('select v from points where id = $1', [i % 1_000])),
      slow: load(2, () => db.query('select pg_sleep(0.005)')),
      writes: load(4, () => db.query('update sums set n = n + 1 where id = $1', [1])),
      transactions: load(3, () =>
        db.transaction(async (tx) => {
          await tx.query('select v from points where id = $1', [1])
          await tx.query('update sums set n = n + 1 where id = $1', [1])
        }),
      ),
      leases: load(2, async () => {
        await using lease = await db.getConnection()
        await lease.connection.query('select 1')
      }),
      cursors: load(1, async () => {
        for await (const _ of db.cursor('select v from points limit 50')) continue
      }),
    }
    const all = Object.values(loads)
    await Promise.all(all.map((each) => each.succeed(15)))
    const outcomes = await Promise.all(all.map((each) => each.stop()))
    expect(outcomes.flatMap((each) => failures(each))).toEqual([])
    expect(await db.close({ deadlineMs: 3_000 })).toMatchObject({ closed: true, holders: [] })
  },
)

test.for([1, 2])(
  'a lease taken while %i connections are shared is not kept waiting by readers',
  async (maxSize) => {
    await using db = open({ maxSize })
    const reading = load(64, (i) => db.query('select v from points where id = $1', [i % 1_000]))
    await reading.succeed(200)
    for (let i = 0; i < 10; i++) {
      await using lease = await db.getConnection({ timeoutMs: 2_000 })
      await lease.connection.query('select 1')
    }
    await reading.succeed(200)
    expect(failures(await reading.stop())).toEqual([])
  },
)

test('a statement on the pool inside the transaction that has the only connection ends at its limit', async () => {
  await using db = open({ maxSize: 1, acquireTimeoutMs: 200 })
  const inside = await db.transaction(() => failureOf(db.query('select 1')))
  expect(inside).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('while a table is locked, statements on others go on, and those on it succeed when it is free', async () => {
  await admin.query('create table locked (id int primary key, v int)')
  await admin.query('insert into locked select i, i from generate_series(0, 99) i')
  await using db = open({ name: 'locking' })
  const others = load(16, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  const reads = load(16, (i) => db.query('select v from locked where id = $1', [i % 100]))
  const writes = load(4, (i) => db.query('update locked set v = v + 1 where id = $1', [i % 100]))
  await Promise.all([reads.succeed(100), writes.succeed(20), others.succeed(100)])
  await admin.transaction(async (tx) => {
    await tx.query('lock table locked')
    await running(admin, 'locking', 'select v from locked')
    await others.succeed(1_000)
  })
  await Promise.all([reads.succeed(100), writes.succeed(20), others.succeed(100)])
  for (const each of [others, reads, writes]) expect(failures(await each.stop())).toEqual([])
})

test('texts of several statements, VACUUM, DDL and a DO run by themselves, once each', async () => {
  await using db = open({ maxSize: 2 })
  const reading = load(16, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  expect(
    (await db.query('create table several (n int); insert into several values (1); select 7 as n')).rows,
  ).toEqual([{ n: 7 }])
  await db.query('vacuum several')
  await db.query('/* soon */ vacuum analyze several')
  await db.query('create index concurrently several_n on several (n)')
  await db.query('alter table several add column m int')
  await db.query('do $$ begin insert into several values (2); end $$')
  await db.query('select 1 /* ; */; insert into several values (3)')
  await db.query(`select ';' as a, 'x;y' as b`)
  await db.query('truncate several_log').catch(() => {})
  await db.query('explain analyze insert into several values (4)')
  await db.query('lock table several').catch(() => {})
  expect((await db.query('select n, m from several order by n')).rows).toEqual([
    { n: 1, m: null },
    { n: 2, m: null },
    { n: 3, m: null },
    { n: 4, m: null },
  ])
  expect(failures(await reading.stop())).toEqual([])
})

test('thousands of distinct texts: what is remembered is bounded, on the server too', async () => {
  await using db = open({ name: 'texts', maxSize: 3, maxPrepared: 50 })
  const calls = Array.from({ length: 3_000 }, (_, i) => i)
  for (let from = 0; from < calls.length; from += 300) {
    const results = await Promise.all(
      calls.slice(from, from + 300).map((i) => db.query(`select ${i} + $1::int as n`, [1])),
    )
    expect(results.map(({ rows }) => rows[0]!['n'])).toEqual(results.map((_, i) => from + i + 1))
  }
  const { rows } = await db.query<{ count: number }>(
    'select count(*)::int as count from pg_prepared_statements',
  )
  // The caller's own, and the one that lets a write through.
  expect(rows[0]!.count).toBeLessThanOrEqual(51)
  expect(db.stats().failures).toBe(0)
})
