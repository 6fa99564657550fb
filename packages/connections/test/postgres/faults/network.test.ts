import { startPostgres, startProxy, type TcpProxy } from '@code/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { expectNoneTwice, failureOf, failures, load, running, through, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
beforeAll(async () => {
  await admin.query('create table points (id int primary key, v text)')
  await admin.query(`insert into points select i, 'p' || i from generate_series(0, 999) i`)
})
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (proxy: TcpProxy, options: PostgresOptions = {}): PostgresPool =>
  postgres({ ...through(server, proxy), ...options }).open()

const point = (db: PostgresPool, id: number, options = {}): Promise<unknown> =>
  db.query('select v from points where id = $1', [id % 1_000], options)

test.for(['cut', 'reset'] as const)(
  'connections %s in the middle of their pipelines cost no read, and no write twice',
  async (how) => {
    const table = `written_${how}`
    await admin.query(`create table ${table} (call int)`)
    await using proxy = await startProxy(server)
    await using db = open(proxy)
    const reading = load(48, (i) => point(db, i))
    const writing = load(16, (i) => db.query(`insert into ${table} values ($1)`, [i]))
    for (let round = 0; round < 5; round++) {
      await reading.succeed(200)
      proxy[how]()
    }
    await writing.succeed(100)
    const outcomes = await writing.stop()
    expect(failures(await reading.stop())).toEqual([])
    for (const { error } of failures(outcomes)) {
      expect(error).toMatchObject({ code: 'CONNECTIONS_LOST', mayHaveRun: true })
    }
    await expectNoneTwice(admin, table, outcomes)
  },
)

test.for(['toServer', 'toClient'] as const)(
  'a connection cut within a message (%s) costs no read',
  async (direction) => {
    await using proxy = await startProxy(server)
    await using db = open(proxy)
    const reading = load(48, (i) => point(db, i))
    for (const [times, bytes] of [1_001, 33, 500].entries()) {
      await reading.succeed(200)
      proxy.cutAfter(bytes, direction)
      await vi.waitFor(() => expect(db.stats().destroyed).toBeGreaterThan(times), 5_000)
    }
    await reading.succeed(500)
    expect(failures(await reading.stop())).toEqual([])
  },
)

test('garbage from the server under load costs no read: its connections are replaced', async () => {
  await using proxy = await startProxy(server)
  await using db = open(proxy)
  const reading = load(48, (i) => point(db, i))
  const garbage = [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    Buffer.from([0, 0, 0, 0, 0, 0]),
    // A row that nobody asked for, and a ReadyForQuery where it cannot be.
    Buffer.from([68, 0, 0, 0, 6, 0, 0, 90, 0, 0, 0, 5, 73]),
    Buffer.from([90, 0, 0, 0, 5, 73]),
  ]
  for (const bytes of garbage) {
    await reading.succeed(200)
    proxy.inject(bytes)
  }
  await reading.succeed(500)
  expect(failures(await reading.stop())).toEqual([])
})

test('in a black hole every call ends at its own limit; the connections are replaced and the next call works', async () => {
  await using proxy = await startProxy(server)
  const limits = { statementTimeoutMs: 600, acquireTimeoutMs: 800, connectTimeoutMs: 500 }
  await using db = open(proxy, { ...limits, maxSize: 4, name: 'hole' })
  await Promise.all(Array.from({ length: 100 }, (_, i) => point(db, i)))
  const pids = await pidsOf('hole')
  proxy.stall()
  const controller = new AbortController()
  const reason = new Error('enough')
  const startedAt = performance.now()
  const limited = Array.from({ length: 20 }, (_, i) => failureOf(point(db, i, { timeoutMs: 200 })))
  const aborted = Array.from({ length: 20 }, (_, i) => failureOf(point(db, i, { signal: controller.signal })))
  const plain = Array.from({ length: 20 }, (_, i) => failureOf(point(db, i, { timeoutMs: undefined })))
  const writes = Array.from({ length: 5 }, () =>
    failureOf(db.query('insert into points values (-1)', undefined, { timeoutMs: 300 })),
  )
  setTimeout(() => controller.abort(reason), 100)
  for (const error of await Promise.all(aborted)) expect(error).toBe(reason)
  for (const error of await Promise.all([...limited, ...writes])) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  }
  expect(performance.now() - startedAt).toBeLessThan(1_300)
  const isEnded = expect.stringMatching(/^CONNECTIONS_(TIMEOUT|LOST)$/)
  for (const error of await Promise.all(plain)) expect(error).toMatchObject({ code: isEnded })
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  // One that recovers before it is given up is kept, and rightly so.
  await vi.waitFor(() => expect(db.stats().destroyed).toBeGreaterThan(0), 5_000)
  proxy.resume()
  expect(await point(db, 7)).toMatchObject({ rows: [{ v: 'p7' }] })
  await vi.waitFor(() => expect(db.stats().waiting).toBe(0), 5_000)
  await vi.waitFor(async () => expect(await pidsOf('hole')).not.toEqual(expect.arrayContaining(pids)))
})

test('a call that no limit of its own ends is ended by statementTimeoutMs', async () => {
  await using proxy = await startProxy(server)
  await using db = open(proxy, { statementTimeoutMs: 300, maxSize: 1 })
  await point(db, 1)
  proxy.stall('toClient')
  const startedAt = performance.now()
  expect(await failureOf(point(db, 2))).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: true })
  expect(performance.now() - startedAt).toBeLessThan(1_300)
  proxy.resume()
  expect(await point(db, 3)).toMatchObject({ rows: [{ v: 'p3' }] })
})

test('one that is given up in a black hole does not hold up those that come after it for long', async () => {
  await using proxy = await startProxy(server)
  await using db = open(proxy, { maxSize: 1, name: 'behind' })
  await point(db, 1)
  const sleeping = failureOf(db.query('select pg_sleep(30)', undefined, { timeoutMs: 300 }))
  await running(admin, 'behind', 'select pg_sleep')
  proxy.stall()
  expect(await sleeping).toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  const next = point(db, 4)
  await vi.waitFor(() => expect(db.stats().destroyed).toBe(1), 3_000)
  proxy.resume()
  expect(await next).toMatchObject({ rows: [{ v: 'p4' }] })
})

async function pidsOf(pool: string): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1 order by pid',
    [pool],
  )
  return rows.map(({ pid }) => pid)
}
