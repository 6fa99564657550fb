import { freePort, startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import {
  postgres,
  type PostgresOptions,
  type PostgresPool,
  type PostgresSession,
} from '../../src/postgres.ts'
import { listenTo } from '../messages.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test('the sql tag sends values as parameters, never as text', async () => {
  await using db = open()
  const evil = `'; drop table students; --`
  const { rows } = await db.sql<{ text: string; n: number }>`select ${evil}::text as text, ${2}::int + 1 as n`
  expectTypeOf(rows).toEqualTypeOf<{ text: string; n: number }[]>()
  expect(rows).toEqual([{ text: evil, n: 3 }])
})

test('no more connections are opened than maxSize, and nobody is left out', async () => {
  await using db = open({ maxSize: 3 })
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, i) => db.query('select $1::int as i', [i])),
  )
  expect(results.map(({ rows }) => rows[0])).toEqual(Array.from({ length: 50 }, (_, i) => ({ i })))
  // A connection that was asked for may still come.
  await vi.waitFor(() =>
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0, statements: 50, failures: 0 }),
  )
  expect(db.stats().created).toBeLessThanOrEqual(3)
})

test('who waits too long for a connection learns who has them', async () => {
  await using db = open({ name: 'narrow', maxSize: 1, acquireTimeoutMs: 50 })
  await using lease = await db.getConnection()
  await expect(db.query('select 1')).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    message: expect.stringMatching(/^narrow: no connection within .*1 of 1 in use/),
  })
  await expect(db.query('select 1', undefined, { timeoutMs: 10 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
  })
  await lease.connection.query('select 1')
})

test('no more callers wait than maxWaiting', async () => {
  await using db = open({ maxSize: 1, maxWaiting: 0 })
  await using lease = await db.getConnection()
  await expect(db.query('select 1')).rejects.toMatchObject({ code: 'CONNECTIONS_QUEUE_FULL' })
  await lease.connection.query('select 1')
})

test('a wait for a connection can be aborted', async () => {
  await using db = open({ maxSize: 1 })
  await using lease = await db.getConnection()
  const controller = new AbortController()
  const waiting = db.query('select 1', undefined, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await lease.connection.query('select 1')
})

test('a lease keeps its connection to itself, and runs concurrent statements in order', async () => {
  await using db = open({ maxSize: 1 })
  await using lease = await db.getConnection()
  const { connection } = lease
  expectTypeOf(connection).toEqualTypeOf<PostgresSession>()
  await connection.query('create temporary table mine (n serial, label text)')
  await Promise.all(
    ['a', 'b', 'c'].map((label) => connection.sql`insert into mine (label) values (${label})`),
  )
  const { rows } = await connection.query('select label from mine order by n')
  expect(rows).toEqual([{ label: 'a' }, { label: 'b' }, { label: 'c' }])
})

test('a connection cannot be used after its return, and returning it twice is harmless', async () => {
  await using db = open({ maxSize: 1 })
  const lease = await db.getConnection()
  const { connection } = lease
  await lease[Symbol.asyncDispose]()
  await lease[Symbol.asyncDispose]()
  expect(() => lease.connection).toThrow(TypeError)
  await expect(connection.query('select 1')).rejects.toThrow(TypeError)
  await expect(connection.copyFrom('t', ['a'], [])).rejects.toThrow(TypeError)
  await vi.waitFor(() => expect(db.stats()).toMatchObject({ inUse: 0, idle: 1 }))
})

test('a transaction that is open on return is rolled back', async () => {
  await using db = open({ maxSize: 1 })
  const lease = await db.getConnection()
  await lease.connection.query('begin')
  await lease.connection.query('create table half_done (n int)')
  await lease[Symbol.asyncDispose]()
  const { rows } = await db.query(
    `select to_regclass('half_done') as found, pg_current_xact_id_if_assigned() as xid`,
  )
  expect(rows).toEqual([{ found: null, xid: null }])
  expect(db.stats().created).toBe(1)
})

test('a connection that is returned with a statement under way is not lent again', async () => {
  await using db = open({ maxSize: 1 })
  const lease = await db.getConnection()
  const forgotten = lease.connection.query('select pg_sleep(60)').catch((error: unknown) => error)
  await vi.waitFor(() => expect(db.stats().statements).toBe(1))
  await lease[Symbol.asyncDispose]()
  expect(await forgotten).toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(db.stats().created).toBe(2)
})

test('a statement under way is stopped on the server when its connection is returned or its pool closes', async () => {
  await using admin = open()
  const stopped = (): Promise<void> =>
    vi.waitFor(async () => {
      const { rows } = await admin.query(`select 1 from pg_stat_activity where application_name = 'gone'`)
      expect(rows).toEqual([])
    })
  const started = (): Promise<void> =>
    vi.waitFor(async () => {
      const { rows } = await admin.query(
        `select 1 from pg_stat_activity where application_name = 'gone' and query ~ '^select pg_sleep'`,
      )
      expect(rows).toHaveLength(1)
    })
  const returning = open({ name: 'gone', maxSize: 1 })
  const lease = await returning.getConnection()
  const forgotten = lease.connection.query('select pg_sleep(60)').catch((error: unknown) => error)
  await started()
  await lease[Symbol.asyncDispose]()
  expect(await forgotten).toMatchObject({ code: 'CONNECTIONS_LOST' })
  await stopped()
  await returning.close()

  const closing = open({ name: 'gone' })
  const query = closing.query('select pg_sleep(60)').catch((error: unknown) => error)
  await started()
  await closing.close({ deadlineMs: 10 })
  expect(await query).toMatchObject({ code: 'CONNECTIONS_CLOSED', mayHaveRun: true })
  await stopped()
})

test('getConnection looks at its signal and limit also when a connection is idle', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('select 1')
  const signal = AbortSignal.abort(new Error('no'))
  await expect(db.getConnection({ signal })).rejects.toThrow('no')
  await expect(db.getConnection({ timeoutMs: -4 })).rejects.toThrow(RangeError)
  expect(db.stats()).toMatchObject({ idle: 1, inUse: 0 })
})

test('a failed connect speaks of connections, and names the pool once', async () => {
  await using db = postgres({ host: '127.0.0.1', port: await freePort(), name: 'b' }).open()
  await expect(db.query('select 1')).rejects.toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    message: expect.stringMatching(/^b: connecting failed: connect ECONNREFUSED [^ ]+ \(next attempt/),
  })
  const check = await db.health()
  expect(check.error).toMatch(/^connecting failed/)
})

test('warm opens minSize connections', async () => {
  await using db = open({ minSize: 3, maxSize: 4 })
  await db.warm()
  expect(db.stats()).toMatchObject({ size: 3, idle: 3 })
  await expect(db.warm({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
})

test('health tells of a living server and, within its limit, of a silent one', async () => {
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  await using db = postgres({ host, port: proxy.port, user, password, database, name: 'db' }).open()
  const ms = expect.any(Number)
  expect(await db.health()).toEqual({ name: 'db', ok: true, ms, critical: true })
  proxy.stall()
  const check = await db.health({ timeoutMs: 100 })
  expect(check).toMatchObject({
    name: 'db',
    ok: false,
    error: expect.stringContaining('not done after 100 ms'),
  })
  expect(check.ms).toBeLessThan(1100)
})

test('a close waits for what is under way and leaves no connection', async () => {
  const db = open({ name: 'closing', maxSize: 3 })
  const queries = [1, 2, 3].map((n) => db.query('select pg_sleep(0.5), $1::int as n', [n]))
  await vi.waitFor(() => expect(db.stats().inUse).toBeGreaterThan(1))
  const closing = db.close()
  expect((await Promise.all(queries)).map(({ rowCount }) => rowCount)).toEqual([1, 1, 1])
  expect(await closing).toMatchObject({ closed: true, holders: [] })
  await expect(db.query('select 1')).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await using admin = open()
  await vi.waitFor(async () => {
    const { rows } = await admin.query(`select 1 from pg_stat_activity where application_name = 'closing'`)
    expect(rows).toEqual([])
  })
})

test('at its deadline a close names who still has a connection, and hangs up', async () => {
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  const db = postgres({ host, port: proxy.port, user, password, database, name: 'held' }).open()
  const query = db.query('select pg_sleep(60)').catch((error: unknown) => error)
  await vi.waitFor(() => expect(db.stats().inUse).toBe(1))
  const report = await db.close({ deadlineMs: 50 })
  expect(report).toMatchObject({
    closed: false,
    holders: [{ label: 'held: select pg_sleep(60)', heldMs: expect.any(Number) }],
  })
  expect([report, report.holders, report.holders[0]].every(Object.isFrozen)).toBe(true)
  expect(await db.close()).toBe(report)
  expect(() => db.close({ deadlineMs: 0 })).toThrow(RangeError)
  expect(await query).toMatchObject({ code: 'CONNECTIONS_CLOSED', mayHaveRun: true })
  await vi.waitFor(() => expect(proxy.stats().open).toBe(0))
})

test('a close ends although the server has fallen silent', async () => {
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  const db = postgres({ host, port: proxy.port, user, password, database }).open()
  await db.query('select 1')
  proxy.stall()
  const report = await db.close({ deadlineMs: 5000 })
  expect(report.closed).toBe(true)
  expect(report.ms).toBeLessThan(2500)
})

test('waits, connects and closes are told on their channels', async () => {
  using connects = listenTo('code:connections:connect')
  using waits = listenTo('code:connections:wait')
  using closes = listenTo('code:connections:close')
  const db = open({ name: 'told' })
  await db.query('select 1')
  await db.query('select 1')
  await db.close()
  expect(connects.messages).toEqual([{ pool: 'told', ms: expect.any(Number), ok: true }])
  expect(waits.messages).toEqual([{ pool: 'told', waitedMs: expect.any(Number) }])
  expect(closes.messages).toEqual([{ pool: 'told', reason: 'closed' }])
})

test('a pool is among the instruments of the process until it is closed', async () => {
  const db = open({ name: 'instrumented' })
  await db.query('select 1')
  await vi.waitFor(() =>
    expect(instruments().get('pool:instrumented')?.stats()).toMatchObject({ size: 1, idle: 1 }),
  )
  expect(instruments().get('connections:instrumented')?.stats()).toEqual({
    statements: 1,
    failures: 0,
    retries: 0,
    waiting: 0,
    timeouts: 0,
    fallbacks: 0,
  })
  await db.close()
  expect([...instruments().keys()].filter((key) => key.endsWith(':instrumented'))).toEqual([])
})

test('mistakes in the options are refused at once', () => {
  expect(() => postgres({ maxSize: 0 })).toThrow('maxSize must be an integer from 1, got 0')
  expect(() => postgres({ minSize: 11 })).toThrow('minSize must be at most maxSize (10), got 11')
  expect(() => postgres({ statementTimeoutMs: 0 })).toThrow(RangeError)
  expect(() => postgres({ maxPrepared: -1 })).toThrow(RangeError)
  expect(() => postgres({ user: 7 as never })).toThrow('user must be a string, got 7')
  expect(() => postgres({ ssl: 'yes' as never })).toThrow(
    "ssl must be true, false or options of node:tls, got 'yes'",
  )
  expect(() => postgres({ types: 5 as never })).toThrow('types must have getTypeParser(oid, format), got 5')
  expect(() => postgres({ onNotice: 1 as never })).toThrow('onNotice must be a function, got 1')
})

function instruments(): Map<string, { stats(): object }> {
  return (globalThis as never)[Symbol.for('code.instruments')]
}

test('what writes behind the back of its first word can be said to', async () => {
  await using db = open()
  await db.query('create table audit (n int)')
  await db.query(`create function audited() returns text language plpgsql as $$
    begin insert into audit values (1); return 'yes'; exception when others then return 'no'; end $$`)
  expect((await db.query('select audited()', [])).rows).toEqual([{ audited: 'no' }])
  expect((await db.query('select audited()', [], { writes: true })).rows).toEqual([{ audited: 'yes' }])
  expect((await db.query('select n from audit')).rows).toEqual([{ n: 1 }])
  await expect(db.query('select 1', [], { writes: 'yes' as never })).rejects.toThrow(TypeError)
  await expect(db.query('select 1', [], { signal: 5 as never })).rejects.toThrow(TypeError)
})
