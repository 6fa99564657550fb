import { startPgBouncer, startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { expectNoneTwice, failureOf, failures, load, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
const bouncer = await startPgBouncer(server, { poolSize: 2 })
beforeAll(async () => {
  await admin.query('create table points (id int primary key, v text)')
  await admin.query(`insert into points select i, 'p' || i from generate_series(0, 999) i`)
})
afterAll(async () => {
  await admin.close()
  await bouncer.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: bouncer.url, pgBouncer: true, ...options }).open()

test('through PgBouncer statements share connections, and nothing stays prepared or set behind it', async () => {
  await admin.query('create table written (call int)')
  await using db = open({ maxSize: 6 })
  const reading = load(24, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  const writing = load(6, (i) => db.query('insert into written values ($1)', [i]))
  const working = load(2, () =>
    db.transaction(async (tx) => {
      await tx.query('select v from points where id = $1', [1])
      await tx.query('select v from points where id = $1', [2])
    }),
  )
  await Promise.all([reading.succeed(300), writing.succeed(50), working.succeed(20)])
  const outcomes = await writing.stop()
  for (const each of [await reading.stop(), outcomes, await working.stop()])
    expect(failures(each)).toEqual([])
  await expectNoneTwice(admin, 'written', outcomes)
  const { rows } = await db.query(
    `select current_setting('default_transaction_read_only') as guard, count(*)::int as prepared
     from pg_prepared_statements`,
  )
  expect(rows).toEqual([{ guard: 'off', prepared: 0 }])
})

test('through PgBouncer a failing statement leaves its neighbours unharmed', async () => {
  await using db = open({ maxSize: 2 })
  const point = (id: number): Promise<unknown> => db.query('select v from points where id = $1', [id])
  for (let i = 0; i < 10; i++) await point(i)
  const points = Array.from({ length: 50 }, (_, i) => point(i))
  const failing = failureOf(db.query('select 1 / $1::int', [0]))
  const more = Array.from({ length: 50 }, (_, i) => point(i + 50))
  expect(await failing).toMatchObject({ code: 'CONNECTIONS_QUERY', sqlState: '22012' })
  expect(await Promise.all([...points, ...more])).toMatchObject(
    Array.from({ length: 100 }, (_, i) => ({ rows: [{ v: `p${i}` }] })),
  )
})

test('through PgBouncer a statement past its limit is stopped on the server', async () => {
  await using db = open({ maxSize: 2 })
  expect(await failureOf(db.query('select pg_sleep(60)', undefined, { timeoutMs: 200 }))).toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    mayHaveRun: true,
  })
  await vi.waitFor(async () => {
    const { rows } = await admin.query(
      `select 1 from pg_stat_activity where state = 'active' and starts_with(query, 'select pg_sleep(60)')`,
    )
    expect(rows).toEqual([])
  }, 5_000)
  expect(await db.query('select 1 as n')).toMatchObject({ rows: [{ n: 1 }] })
})

test('through PgBouncer, of reads whose servers are terminated only those not said to be idempotent may fail', async () => {
  await using db = open({ maxSize: 4 })
  const idempotent = load(16, (i) =>
    db.query('select v from points where id = $1', [i % 1_000], { idempotent: true }),
  )
  const unmarked = load(16, (i) => db.query('select v as it from points where id = $1', [i % 1_000]))
  for (let round = 0; round < 4; round++) {
    await idempotent.succeed(100)
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and application_name <> 'watcher' and pid <> pg_backend_pid()`,
    )
  }
  await Promise.all([idempotent.succeed(100), unmarked.succeed(100)])
  expect(failures(await idempotent.stop())).toEqual([])
  for (const { error } of failures(await unmarked.stop())) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_LOST', mayHaveRun: true })
  }
})
