import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, running, through, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test('when a caller leaks every lease, who waits in vain hears the lines that took them', async () => {
  const db = open({ name: 'leaky', maxSize: 2, acquireTimeoutMs: 200, leakAfterMs: 50 })
  const leakOne = (): Promise<unknown> => db.getConnection()
  const leakAnother = (): Promise<unknown> => db.getConnection()
  await leakOne()
  await leakAnother()
  const [byQuery, byLease, byTransaction] = await Promise.all([
    failureOf(db.query('select 1')),
    failureOf(db.getConnection()),
    failureOf(db.transaction(() => {})),
  ])
  for (const error of [byQuery, byLease, byTransaction]) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
    expect((error as Error).message).toMatch(/2 of 2 in use/)
    expect((error as Error).message.match(/ from \S.*?:\d+:\d+/g)).toHaveLength(2)
  }
  expect(db.stats().leaks).toBe(2)
  expect(await db.close({ deadlineMs: 100 })).toMatchObject({
    closed: false,
    holders: [{ label: 'leaky' }, { label: 'leaky' }],
  })
})

test('when 500 callers wait at a close, they are served, and those who come later are refused', async () => {
  const db = open({ maxSize: 2 })
  await db.query('select 1')
  const waiting = Array.from({ length: 500 }, (_, i) => db.query('select $1::int as i', [i]))
  const closing = db.close()
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_CLOSED',
    mayHaveRun: false,
  })
  const results = await Promise.all(waiting)
  expect(results.map(({ rows }) => rows[0]!['i'])).toEqual(results.map((_, i) => i))
  expect(await closing).toMatchObject({ closed: true, holders: [] })
})

test('when 500 callers wait behind a lease at a close, all are ended at its deadline, and nothing has run', async () => {
  await admin.query('create table waited (n int)')
  const db = open({ name: 'held', maxSize: 1 })
  const lease = await db.getConnection()
  const waiting = Array.from({ length: 500 }, (_, i) =>
    failureOf(db.query('insert into waited values ($1)', [i])),
  )
  const startedAt = performance.now()
  const report = await db.close({ deadlineMs: 200 })
  expect(performance.now() - startedAt).toBeLessThan(2_200)
  expect(report.closed).toBe(false)
  expect(report.holders).toContainEqual(
    expect.objectContaining({ label: 'held', heldMs: expect.any(Number) }),
  )
  for (const error of await Promise.all(waiting)) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_CLOSED', mayHaveRun: false })
  }
  await lease[Symbol.asyncDispose]()
  expect((await admin.query('select * from waited')).rows).toEqual([])
})

test('when 500 callers wait for slow statements at a close, each is served or told whether it may have run', async () => {
  await admin.query('create table slept (n int)')
  const db = open({ name: 'slow', maxSize: 3 })
  const calls = Array.from({ length: 500 }, (_, i) =>
    db.query('with i as (insert into slept values ($1)) select pg_sleep(0.05)', [i]).then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  await running(admin, 'slow', 'with i as', 3)
  const { closed, holders } = await db.close({ deadlineMs: 300 })
  expect(closed).toBe(false)
  const errors = await Promise.all(calls)
  const ended = errors.filter((error) => error !== undefined)
  expect(ended.length).toBe(holders.length)
  for (const error of ended) expect(error).toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await vi.waitFor(async () => {
    const { rows } = await admin.query(`select 1 from pg_stat_activity where application_name = 'slow'`)
    expect(rows).toEqual([])
  })
  const { rows } = await admin.query<{ n: number }>('select n from slept')
  const written = rows.map(({ n }) => n)
  expect(new Set(written).size).toBe(written.length)
  for (const [i, error] of errors.entries()) {
    if (error === undefined) expect(written).toContain(i)
    else if (!(error as { mayHaveRun: boolean }).mayHaveRun) expect(written).not.toContain(i)
  }
})

test('a close ends at its deadline although the server is silent and 500 callers wait', async () => {
  await using proxy = await startProxy(server)
  const db = open({ connectionString: undefined, ...through(server, proxy), maxSize: 2 })
  await Promise.all([db.query('select 1'), db.query('select 2')])
  proxy.stall()
  const waiting = Array.from({ length: 500 }, () => failureOf(db.query('select 1')))
  const startedAt = performance.now()
  expect(await db.close({ deadlineMs: 200 })).toMatchObject({ closed: false })
  expect(performance.now() - startedAt).toBeLessThan(3_200)
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'CONNECTIONS_CLOSED' })
})

test('a close ends although the server is away and 500 callers wait for it', async () => {
  await using proxy = await startProxy(server)
  const db = open({ connectionString: undefined, ...through(server, proxy), maxSize: 2 })
  await db.query('select 1')
  await proxy.refuse()
  proxy.cut()
  const waiting = Array.from({ length: 500 }, () => failureOf(db.query('select 1')))
  const startedAt = performance.now()
  await db.close({ deadlineMs: 300 })
  expect(performance.now() - startedAt).toBeLessThan(3_300)
  for (const error of await Promise.all(waiting)) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^CONNECTIONS_(CLOSED|REFUSED)$/) })
  }
})
