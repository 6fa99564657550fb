import { startPostgres } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { expectNoneTwice, failureOf, failures, load, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test.for(['fast', 'immediate'] as const)(
  'when the server restarts (%s) under load, only what was under way may fail, and the pool is back by itself',
  async (mode) => {
    const table = `written_${mode}`
    await admin.query(`create table ${table} (call int)`)
    await using db = open({ name: mode, maxSize: 4 })
    const reading = load(24, (i) => db.query('select $1::int as i', [i]))
    const writing = load(8, (i) => db.query(`insert into ${table} values ($1)`, [i]))
    await writing.succeed(50)
    await server.restart({ mode })
    await Promise.all([reading.succeed(200), writing.succeed(50)])
    const outcomes = await writing.stop()
    expect(failures(await reading.stop())).toEqual([])
    // Not more than had a line: the others waited for the server.
    expect(failures(outcomes).length).toBeLessThanOrEqual(8)
    for (const { error } of failures(outcomes)) {
      expect(error).toMatchObject({ code: 'CONNECTIONS_LOST', mayHaveRun: true })
    }
    await expectNoneTwice(admin, table, outcomes)
  },
)

test('what waits in the queue while the server is away is run when it is back', async () => {
  await using db = open({ name: 'patient' })
  await db.query('create table patient (n int)')
  await server.stop()
  const calls = Array.from({ length: 50 }, (_, n) => db.query('insert into patient values ($1)', [n]))
  await server.start()
  await Promise.all(calls)
  expect((await db.query('select count(*)::int as n from patient')).rows).toEqual([{ n: 50 }])
})

test('while the server is away each call ends at its limit or signal, and none has run', async () => {
  await using db = open({ name: 'away', acquireTimeoutMs: 400 })
  await db.query('create table away (n int)')
  await server.stop()
  const signal = AbortSignal.timeout(100)
  const [byLimit, bySignal, byPool] = await Promise.all([
    failureOf(db.query('insert into away values (1)', undefined, { timeoutMs: 100 })),
    failureOf(db.query('insert into away values (2)', undefined, { signal })),
    failureOf(db.query('insert into away values (3)')),
  ])
  expect(byLimit).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
  expect(bySignal).toBe(signal.reason)
  expect(byPool).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
  await server.start()
  const { rows } = await vi.waitFor(() => db.query('select * from away'), 5_000)
  expect(rows).toEqual([])
})
