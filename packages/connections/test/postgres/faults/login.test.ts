import { freePort, startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, through } from './load.ts'

// Of its eight connections three are kept for superusers: the tests log in as somebody else.
const server = await startPostgres({ maxConnections: 8, tls: 'required' })
afterAll(() => server.close())

const trusting = { ca: server.ca! }

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ ...through(server, server), host: 'localhost', ssl: trusting, ...options }).open()

test('a server that nobody is at fails every caller at once, with the cause', async () => {
  await using db = open({ port: await freePort() })
  const startedAt = performance.now()
  const errors = await Promise.all(Array.from({ length: 50 }, () => failureOf(db.query('select 1'))))
  for (const error of errors) {
    expect(error).toMatchObject({
      code: 'CONNECTIONS_REFUSED',
      mayHaveRun: false,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  }
  expect(performance.now() - startedAt).toBeLessThan(1_500)
})

test('a host that does not exist fails with the cause', async () => {
  await using db = open({ host: 'nowhere.invalid' })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    message: expect.stringMatching(/nowhere\.invalid/),
  })
})

test.for([
  ['a wrong password', { password: 'wrong' }, '28P01'],
  ['an unknown user', { user: 'stranger' }, '28P01'],
  ['a wrong database', { database: 'elsewhere' }, '3D000'],
] as const)('%s fails every caller at once, with the SQLSTATE', async ([, options, sqlState]) => {
  await using db = open(options)
  const errors = await Promise.all(Array.from({ length: 20 }, () => failureOf(db.query('select 1'))))
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_REFUSED', sqlState, mayHaveRun: false })
  }
})

test('a password that could not be fetched fails the caller with that', async () => {
  const mistake = new Error('the vault is closed')
  await using db = open({ password: () => Promise.reject(mistake) })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    message: expect.stringContaining('the vault is closed'),
  })
})

test('a pool that finds the server full works with the connections it has', async () => {
  await using admin = open({ multiplex: false, maxSize: 1 })
  await admin.query(`create role guest login password 'guest'`)
  await using db = open({ user: 'guest', password: 'guest', maxSize: 10, name: 'many' })
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => db.query('select pg_sleep(0.02), $1::int as i', [i])),
  )
  expect(results.map(({ rows }) => rows[0]!['i'])).toEqual(results.map((_, i) => i))
  expect(db.stats()).toMatchObject({ failures: 0 })
  expect(db.stats().size).toBeLessThanOrEqual(5)
})

test('a pool that finds the server full at the start fails with the SQLSTATE, and works when there is room', async () => {
  await using greedy = open({ user: 'guest', password: 'guest', maxSize: 5, minSize: 5 })
  await vi.waitFor(() => greedy.warm(), 5_000)
  await using db = open({ user: 'guest', password: 'guest' })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    sqlState: '53300',
    mayHaveRun: false,
  })
  await greedy.close()
  await vi.waitFor(() => db.query('select 1'), 5_000)
})

test('a server that requires encryption refuses a client without it', async () => {
  await using db = open({ ssl: false })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    sqlState: '28000',
    message: expect.stringContaining('no encryption'),
  })
})

test('a certificate is verified by default: an unknown authority is refused', async () => {
  await using db = open({ ssl: true })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    cause: expect.objectContaining({
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO_VERIFY|LEAF_SIGNATURE/),
    }),
  })
})

test('a certificate of another host is refused', async () => {
  await using db = open({ host: '127.0.0.1', ssl: { ...trusting, servername: 'elsewhere.example' } })
  expect(await failureOf(db.query('select 1'))).toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    cause: expect.objectContaining({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
  })
})

test('over TLS statements share connections, a cut costs no read, and a statement past its limit is stopped', async () => {
  await using proxy = await startProxy(server)
  await using db = open({ port: proxy.port, maxSize: 2, name: 'tls' })
  const read = (): Promise<unknown> =>
    Promise.all(Array.from({ length: 200 }, (_, i) => db.query('select $1::int as i', [i])))
  await read()
  const { rows } = await db.query(
    `select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'tls'`,
  )
  expect(rows).toEqual([{ all: true }])
  const reading = read()
  proxy.cut()
  await reading
  expect(await failureOf(db.query('select pg_sleep(60)', undefined, { timeoutMs: 100 }))).toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
  })
  await vi.waitFor(async () => {
    const active = await db.query(
      `select 1 from pg_stat_activity where state = 'active' and query like 'select pg_sleep(60)%'`,
    )
    expect(active.rows).toEqual([])
  })
})
