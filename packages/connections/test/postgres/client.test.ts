import { freePort, startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../src/postgres.ts'
import { blackHole } from '../http/server.ts'
import { listenTo } from '../messages.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, maxSize: 1, multiplex: false, ...options }).open()

const pidOf = async (db: PostgresPool): Promise<number> =>
  (await db.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid

test('a statement gives rows, their count, the command and the fields', async () => {
  await using db = open()
  expect(await db.query('select 1 as one, $1::text as text', ['it'])).toMatchObject({
    rows: [{ one: 1, text: 'it' }],
    rowCount: 1,
    command: 'SELECT',
    fields: [
      { name: 'one', dataTypeID: 23 },
      { name: 'text', dataTypeID: 25 },
    ],
  })
})

test('of several statements in one text the last one answers', async () => {
  await using db = open()
  expect((await db.query('select 1 as n; select 2 as n')).rows).toEqual([{ n: 2 }])
})

test('a refused statement is CONNECTIONS_QUERY with its SQLSTATE and cause, and the connection goes on', async () => {
  await using db = open({ name: 'db' })
  const pid = await pidOf(db)
  await expect(db.query('select * from nowhere')).rejects.toMatchObject({
    name: 'ConnectionsError',
    code: 'CONNECTIONS_QUERY',
    sqlState: '42P01',
    message: 'db: relation "nowhere" does not exist: select * from nowhere',
    cause: expect.objectContaining({ severity: 'ERROR' }),
  })
  expect(await pidOf(db)).toBe(pid)
})

test('what a value throws on its way out stays as it is, and the connection goes on', async () => {
  await using db = open()
  const pid = await pidOf(db)
  const mistake = new Error('not today')
  const value = {
    toPostgres: () => {
      throw mistake
    },
  }
  await expect(db.query('select $1::text', [value])).rejects.toBe(mistake)
  expect(await pidOf(db)).toBe(pid)
})

test('a text with values is prepared once on a connection, however often it runs', async () => {
  await using db = open()
  for (let i = 0; i < 5; i++) await db.query('select $1::int', [i])
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int from pg_prepared_statements where statement = 'select $1::int'`,
  )
  expect(rows).toEqual([{ count: 1 }])
})

test('no more statements stay prepared than maxPrepared, the ones used last', async () => {
  await using db = open({ maxPrepared: 2 })
  for (const n of [1, 2, 1, 3]) await db.query(`select ${n} + $1::int`, [n])
  await db.query('select 1')
  const { rows } = await db.query('select statement from pg_prepared_statements order by statement')
  expect(rows).toEqual([{ statement: 'select 1 + $1::int' }, { statement: 'select 3 + $1::int' }])
})

test('with maxPrepared 0 nothing stays prepared', async () => {
  await using db = open({ maxPrepared: 0 })
  expect((await db.query('select $1::int as n', [4])).rows).toEqual([{ n: 4 }])
  expect((await db.query('select * from pg_prepared_statements')).rows).toEqual([])
})

test('a prepared statement survives a change of its table and a DEALLOCATE', async () => {
  await using db = open()
  await db.query('create table changing (a int)')
  const text = 'select * from changing where a = $1 or true'
  await db.query('insert into changing values ($1)', [1])
  expect((await db.query(text, [1])).rows).toEqual([{ a: 1 }])
  await db.query('alter table changing add column b int')
  expect((await db.query(text, [1])).rows).toEqual([{ a: 1, b: null }])
  await db.query('deallocate all')
  expect((await db.query(text, [1])).rows).toEqual([{ a: 1, b: null }])
})

test('a statement past its limit ends typed, is stopped on the server, and its connection goes on', async () => {
  await using db = open({ name: 'limited' })
  const pid = await pidOf(db)
  await expect(db.query('select pg_sleep(60)', undefined, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    message: 'limited: not done after 100 ms: select pg_sleep(60)',
  })
  expect(await pidOf(db)).toBe(pid)
  const { rows } = await db.query(
    `select pid from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`,
  )
  expect(rows).toEqual([])
})

test('statementTimeoutMs holds where no timeoutMs is given', async () => {
  await using db = open({ statementTimeoutMs: 50 })
  await expect(db.query('select pg_sleep(60)')).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
})

test('an abort rejects with the reason of its signal and stops the statement', async () => {
  await using db = open()
  const controller = new AbortController()
  const reason = { because: 'not an Error' }
  const query = db.query('select pg_sleep(60)', undefined, { signal: controller.signal })
  await vi.waitFor(() => expect(db.stats().inUse).toBe(1))
  controller.abort(reason)
  await expect(query).rejects.toBe(reason)
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  await expect(db.query('select 1', undefined, { signal: controller.signal })).rejects.toBe(reason)
})

test('a connection that falls silent never leaves its caller hanging, and is replaced', async () => {
  await using proxy = await startProxy(server)
  await using db = open({ connectionString: undefined, ...withPort(proxy.port), connectTimeoutMs: 300 })
  const pid = await pidOf(db)
  proxy.stall()
  const startedAt = performance.now()
  await expect(db.query('select 1', undefined, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
  })
  expect(performance.now() - startedAt).toBeLessThan(1100)
  proxy.resume()
  expect(await pidOf(db)).not.toBe(pid)
  expect(db.stats()).toMatchObject({ created: 2, size: 1 })
})

test('a server that accepts and never answers is CONNECTIONS_TIMEOUT', async () => {
  await using hole = await blackHole()
  await using db = open({ connectionString: undefined, ...withPort(hole.port), connectTimeoutMs: 100 })
  const startedAt = performance.now()
  await expect(db.query('select 1')).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    message: expect.stringContaining('not connected after 100 ms'),
  })
  expect(performance.now() - startedAt).toBeLessThan(1100)
  await hole.empty()
})

test('nobody listening is CONNECTIONS_REFUSED with its cause, a wrong password also with its SQLSTATE', async () => {
  await using nobody = open({ connectionString: undefined, ...withPort(await freePort()) })
  await expect(nobody.query('select 1')).rejects.toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    sqlState: undefined,
    cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
  })
  await using stranger = open({ connectionString: undefined, ...withPort(server.port), password: 'wrong' })
  await expect(stranger.query('select 1')).rejects.toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    sqlState: '28P01',
    cause: expect.any(Error),
  })
})

test('a password may be fetched when connecting', async () => {
  await using db = open({
    connectionString: undefined,
    ...withPort(server.port),
    password: () => Promise.resolve(server.password),
  })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('a connection cut during a statement is CONNECTIONS_LOST, and the next statement has a new one', async () => {
  await using db = open({ name: 'cut' })
  await using admin = open()
  const pid = await pidOf(db)
  const query = db.query('select pg_sleep(60)').catch((error: unknown) => error)
  await vi.waitFor(async () => {
    const { rows } = await admin.query(
      `select 1 from pg_stat_activity where pid = $1 and query ~ '^select pg_sleep'`,
      [pid],
    )
    expect(rows).toHaveLength(1)
  })
  await admin.query('select pg_terminate_backend($1)', [pid])
  expect(await query).toMatchObject({
    code: 'CONNECTIONS_LOST',
    sqlState: '57P01',
    cause: expect.any(Error),
  })
  expect(await pidOf(db)).not.toBe(pid)
})

test('idle connections that are cut take nothing down and are replaced', async () => {
  await using proxy = await startProxy(server)
  await using db = open({
    connectionString: undefined,
    ...withPort(proxy.port),
    minSize: 3,
    maxSize: 3,
    name: 'idle',
  })
  await db.warm()
  await using admin = open()
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'idle'`)
  await vi.waitFor(() => expect(proxy.stats().open).toBe(0))
  await Promise.all([db.query('select 1'), db.query('select 1'), db.query('select 1')])
  expect(db.stats()).toMatchObject({ failures: 0, destroyed: 3 })
})

test('while the server is down calls fail typed and in time; when it is back they succeed again', async () => {
  await using server = await startPostgres()
  await using db = open({ connectionString: server.url, maxSize: 2 })
  await db.query('select 1')
  await server.stop()
  const startedAt = performance.now()
  for (let i = 0; i < 3; i++) {
    const error: unknown = await db
      .query('select 1', undefined, { timeoutMs: 1000 })
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: expect.stringMatching(/^CONNECTIONS_(REFUSED|LOST|TIMEOUT)$/) })
  }
  expect(performance.now() - startedAt).toBeLessThan(4000)
  await server.start()
  await vi.waitFor(() => db.query('select 1'), 5000)
  expect((await db.query('select 2 as n')).rows).toEqual([{ n: 2 }])
})

test('each statement is told on its channel', async () => {
  await using db = open({ name: 'told' })
  using listening = listenTo('code:connections:query')
  await db.query('select generate_series(1, 3)')
  await db.query('selec').catch(() => {})
  const ms = expect.any(Number)
  expect(listening.messages).toEqual([
    { pool: 'told', ms, ok: true, lane: 'exclusive', rows: 3, code: undefined },
    { pool: 'told', ms, ok: false, lane: 'exclusive', rows: 0, code: 'CONNECTIONS_QUERY' },
  ])
})

test('notices are handed over and columns parsed as asked', async () => {
  const notices: unknown[] = []
  await using db = open({
    onNotice: ({ message }) => void notices.push(message),
    types: { getTypeParser: () => (text) => `<${text}>` },
  })
  await db.query(`do $$ begin raise notice 'heard'; end $$`)
  expect(notices).toEqual(['heard'])
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: '<1>' }])
})

test('a mistake of the caller is refused before anything is sent, and leaves nothing behind', async () => {
  await using db = open({ statementTimeoutMs: 50 })
  const pid = await pidOf(db)
  const wrong = undefined as never
  const { signal } = new AbortController()
  await expect(db.query(wrong)).rejects.toThrow(new TypeError('text must be a string, got undefined'))
  await expect(db.query('select 1', 5 as never)).rejects.toThrow(
    new TypeError('values must be an array, got 5'),
  )
  await expect(db.copyFrom(wrong, [], [])).rejects.toThrow('table must be a string, got undefined')
  await expect(db.copyFrom('t', wrong, [], { signal })).rejects.toThrow(
    'columns must be an array, got undefined',
  )
  await expect(db.copyFrom('t', ['a'], wrong)).rejects.toThrow('rows must be an iterable')
  await expect(db.query('select 1', [], { signal: 'no' as never })).rejects.toThrow(TypeError)
  // Any timer left behind would go off in the meantime.
  await db.query('select pg_sleep(0.1)', undefined, { timeoutMs: 5000 })
  expect(await pidOf(db)).toBe(pid)
})

test('a limit that is none is refused wherever a statement can be run', async () => {
  await using db = open()
  await using lease = await db.getConnection()
  const { connection } = lease
  await expect(connection.query('select 1', [], { timeoutMs: 0 })).rejects.toThrow(RangeError)
  await expect(connection.query('select 1', [], { timeoutMs: NaN })).rejects.toThrow(RangeError)
  await expect(connection.copyFrom('t', ['a'], [], { timeoutMs: 0 })).rejects.toThrow(RangeError)
})

test('a name that belongs to another statement is refused at once, and the connection goes on', async () => {
  await using db = open()
  const pid = await pidOf(db)
  await db.query('select 1', [], { name: 'mine' })
  await expect(db.query('select 2', [], { name: 'mine' })).rejects.toThrow(
    new TypeError(`the name 'mine' belongs to another statement`),
  )
  expect((await db.query('select 2 as n', [], { name: 'constructor' })).rows).toEqual([{ n: 2 }])
  await expect(db.query('select 2', [], { name: 'code_1' })).rejects.toThrow(
    `name must not be empty or begin with 'code_', got 'code_1'`,
  )
  expect((await db.query('select 1 as n', [], { name: 'other' })).rows).toEqual([{ n: 1 }])
  expect(await pidOf(db)).toBe(pid)
})

test('statements named by the caller count among maxPrepared', async () => {
  await using db = open({ maxPrepared: 2 })
  for (const n of [1, 2, 3]) await db.query(`select ${n}`, [], { name: `n${n}` })
  await db.query('select 4 + $1::int', [1])
  const { rows } = await db.query('select statement from pg_prepared_statements order by statement')
  expect(rows).toEqual([{ statement: 'select 3' }, { statement: 'select 4 + $1::int' }])
  expect((await db.query('select 1 as n', [], { name: 'n1' })).rows).toEqual([{ n: 1 }])
})

test('a subscriber that comes in the middle of a statement hears nothing of it', async () => {
  await using db = open()
  const query = db.query('select pg_sleep(0.05)')
  await vi.waitFor(() => expect(db.stats().statements).toBe(1))
  using listening = listenTo('code:connections:query')
  await query
  expect(listening.messages).toEqual([])
})

test('an onNotice that throws harms no statement', async () => {
  await using db = open({
    onNotice: () => {
      throw new Error('not now')
    },
  })
  await db.query(`do $$ begin raise notice 'heard'; end $$`)
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

function withPort(port: number): PostgresOptions {
  const { host, user, password, database } = server
  return { host, port, user, password, database }
}
