import { startPostgres } from '@code/testkit'
import { DatabaseError, Pool, Query, type PoolClient, type QueryConfig } from 'pg'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import {
  ConnectionsError,
  postgres,
  type PgClientAdapter,
  type PgPoolAdapter,
  type PostgresOptions,
  type PostgresPool,
} from '../../../src/postgres.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test('it is a pg.Pool for whoever asks its type', async () => {
  await using db = open()
  const pool = db.asPgPool()
  expectTypeOf(pool).toExtend<Pool>()
  expectTypeOf<PgClientAdapter>().toExtend<PoolClient>()
  expect(db.asPgPool()).toBe(pool)
})

test('a query gives what pg gives', async () => {
  await using db = open()
  const own = new Pool({ connectionString: server.url })
  const statements = [
    'select 1::int as a, $$x$$::text as b, null as c',
    { text: 'select $1::int8 as big, $2::jsonb as doc', values: ['9007199254740993', { a: [1] }] },
    { text: 'select $1::timestamptz as at, $2::bytea as raw', values: [new Date(0), Buffer.from('x')] },
    { text: 'select 1 as a, 2 as a', rowMode: 'array' },
    { name: 'one', text: 'select $1::int[] as list', values: [[1, 2]] },
    { text: 'select 1 as n', types: { getTypeParser: () => (text: string) => `<${text}>` } },
    'create table given (n int primary key)',
  ]
  for (const statement of statements) {
    const ours = await db.asPgPool().query(statement as QueryConfig)
    if (statement === statements.at(-1)) await own.query('drop table given')
    const theirs = await own.query(statement as QueryConfig)
    const { command, rowCount, rows } = theirs
    expect(ours).toEqual({ command, rowCount, rows, oid: 0, fields: theirs.fields.map(plain) })
  }
  await own.end()
})

test('values beside a config win over its own', async () => {
  await using db = open()
  const { rows } = await db.asPgPool().query({ text: 'select $1::int as n', values: [1] }, [2])
  expect(rows).toEqual([{ n: 2 }])
})

test('callbacks hear results and errors, and nothing is returned', async () => {
  await using db = open()
  const pool = db.asPgPool()
  expect(
    await new Promise((resolve) => {
      const returned = pool.query('select 1 as n', (error, { rows }) => resolve([returned, error, rows]))
    }),
  ).toEqual([undefined, undefined, [{ n: 1 }]])
  expect(
    await new Promise((resolve) => pool.query('select $1::int as n', [2], (_, { rows }) => resolve(rows))),
  ).toEqual([{ n: 2 }])
  expect(await new Promise((resolve) => pool.query('select nonsense', resolve))).toMatchObject({
    code: '42703',
  })
})

test('a text of several statements runs, without values or with an empty list of them', async () => {
  await using db = open()
  const pool = db.asPgPool()
  await pool.query('create table several (n int); insert into several values (1)')
  await pool.query('insert into several values (2); insert into several values (3);', [])
  expect((await pool.query("select ';' as semicolon, count(*)::int as n from several", [])).rows).toEqual([
    { semicolon: ';', n: 3 },
  ])
})

test('a statement that the server refuses rejects with the error of pg', async () => {
  await using db = open()
  const pool = db.asPgPool()
  await pool.query('create table unique_names (name text primary key)')
  const insert = (): Promise<unknown> => pool.query('insert into unique_names values ($1)', ['a'])
  await insert()
  const error = await insert().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(DatabaseError)
  expect(error).toMatchObject({
    code: '23505',
    constraint: 'unique_names_pkey',
    table: 'unique_names',
    detail: 'Key (name)=(a) already exists.',
  })
  expect((error as Error).stack).toContain('pg-pool-adapter.test.ts')
})

test('any other failure is a ConnectionsError', async () => {
  await using db = open({ maxSize: 1, acquireTimeoutMs: 20 })
  const pool = db.asPgPool()
  const client = await pool.connect()
  const error = await pool.connect().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConnectionsError)
  expect(error).toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  await expect(pool.query({ text: 'select 1', query_timeout: 10 })).rejects.toBeInstanceOf(ConnectionsError)
  client.release()
})

test('a transaction begun on the pool instead of a client is refused', async () => {
  await using db = open()
  await expect(db.asPgPool().query('begin')).rejects.toMatchObject({ code: 'CONNECTIONS_SESSION_STATE' })
})

test('a query object that speaks to a connection of pg is refused, naming what to use', async () => {
  await using db = open()
  const pool = db.asPgPool()
  const client = await pool.connect()
  expect(() => pool.query(new Query('select 1'))).toThrow('use PgCursor or pool.cursor')
  expect(() => client.query(new Query('select 1'))).toThrow(TypeError)
  expect(() => client.copyFrom()).toThrow(/pool\.copyFrom/)
  client.release()
  await expect(pool.query(undefined as never)).rejects.toThrow(TypeError)
})

test('connect tells a callback the client and how to release it', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  const rows = await new Promise((resolve, reject) =>
    pool.connect((failure, client, done) => {
      if (client === undefined) return reject(failure)
      client.query('select 1 as n', (error, result) => {
        done(error)
        resolve(result.rows)
      })
    }),
  )
  expect(rows).toEqual([{ n: 1 }])
  await vi.waitFor(() => expect(pool.idleCount).toBe(1))
})

test('its counts tell how many connections there are, and who waits for them', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  const counts = (): number[] => [pool.totalCount, pool.idleCount, pool.waitingCount]
  expect(counts()).toEqual([0, 0, 0])
  const client = await pool.connect()
  const waiting = pool.connect()
  expect(counts()).toEqual([1, 0, 1])
  client.release()
  const next = await waiting
  expect(counts()).toEqual([1, 0, 0])
  next.release()
  await vi.waitFor(() => expect(counts()).toEqual([1, 1, 0]))
})

test('each loan is told in its events', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  const told: unknown[] = []
  for (const event of ['connect', 'acquire', 'release', 'remove']) {
    pool.on(event, (...args: unknown[]) => told.push([event, ...args]))
  }
  const client = await pool.connect()
  client.release()
  expect(told).toEqual([
    ['connect', client],
    ['acquire', client],
    ['release', undefined, client],
  ])
})

test('its options tell where the server is, and hide the password', async () => {
  await using db = open({ maxSize: 7, connectTimeoutMs: 1234 })
  const { options } = db.asPgPool()
  const { host, port, user, database, password } = server
  expect(options).toMatchObject({ host, port, user, database, max: 7, connectionTimeoutMillis: 1234 })
  expect(options.password).toBe(password)
  expect(JSON.stringify(options)).not.toContain(password)
})

test('its end is the end of the pool, and comes once', async () => {
  const db = open()
  const pool: PgPoolAdapter = db.asPgPool()
  await pool.query('select 1')
  expect([pool.ending, pool.ended]).toEqual([false, false])
  const ending = pool.end()
  expect([pool.ending, pool.ended]).toEqual([true, false])
  await ending
  expect([pool.ended, pool.totalCount]).toEqual([true, 0])
  await new Promise<void>((resolve) => pool.end(resolve))
  await expect(db.query('select 1')).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await expect(pool.connect()).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
})

function plain(field: object): object {
  return { ...field }
}
