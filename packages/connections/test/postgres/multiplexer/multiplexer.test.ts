import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, running, watcher } from '../faults/load.ts'
import { through } from '../wire/conversation.ts'

const server = await startPostgres()
const admin = watcher(server.url)
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

const one = 'select $1::int as n'

/** Runs a text until it is known to be fast. */
async function learn(db: PostgresPool, text = one): Promise<void> {
  for (let i = 0; i < 10; i++) await db.query(text, [0])
}

test('statements of one moment leave in one piece, and each gets its own answer', async () => {
  await using proxy = await startProxy({ port: server.port })
  await using db = open({ ...through(server, proxy), connectionString: undefined, maxSize: 4 })
  await learn(db)
  const before = proxy.stats().toServer.chunks
  const results = await Promise.all(Array.from({ length: 30 }, (_, i) => db.query(one, [i])))
  expect(results.map(({ rows }) => rows)).toEqual(results.map((_, i) => [{ n: i }]))
  expect(proxy.stats().toServer.chunks - before).toBeLessThan(25)
})

test('on one connection results come in the order in which their statements were asked for', async () => {
  await using db = open({ maxSize: 1 })
  await learn(db)
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      await db.query(one, [i])
      order.push(i)
    }),
  )
  expect(order).toEqual(order.toSorted((a, b) => a - b))
})

test('fast ones share few connections, and they go back to the pool when nobody needs them', async () => {
  await using db = open({ maxSize: 10 })
  await learn(db)
  await Promise.all(Array.from({ length: 40 }, (_, i) => db.query(one, [i])))
  expect(db.stats().size).toBeLessThan(10)
  await vi.waitFor(() => expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 }))
  const { size } = db.stats()
  await vi.waitFor(async () => {
    await using lease = await db.getConnection()
    expect((await lease.connection.query('show default_transaction_read_only')).rows).toEqual([
      { default_transaction_read_only: 'off' },
    ])
  })
  expect(db.stats().size).toBe(size)
})

test('a fast one asked for while slow ones hold all lines there are has another opened', async () => {
  await using db = open({ maxSize: 4, name: 'opens-more' })
  await learn(db)
  await vi.waitFor(() => expect(db.stats().inUse).toBe(0))
  const controller = new AbortController()
  const { signal } = controller
  const slow = failureOf(db.query('select pg_sleep(60)', [], { signal }))
  await running(admin, 'opens-more', 'select pg_sleep')
  expect((await db.query(one, [7], { timeoutMs: 10_000 })).rows).toEqual([{ n: 7 }])
  controller.abort(new Error('enough'))
  await slow
})

test('a line is given up for a caller who wants a connection of its own', async () => {
  await using db = open({ maxSize: 2 })
  await learn(db)
  const load = { stopped: false }
  const stream = async (): Promise<void> => {
    while (!load.stopped) await db.query(one, [1])
  }
  const streams = Promise.all(Array.from({ length: 20 }, stream))
  {
    await using lease = await db.getConnection({ timeoutMs: 5_000 })
    expect((await lease.connection.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  }
  load.stopped = true
  await streams
})

test('with one connection, statements and callers who want it for themselves take turns', async () => {
  await using db = open({ maxSize: 1 })
  const results = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      if (i % 3 > 0) return (await db.query(one, [i])).rows[0]
      return db.transaction(async (tx) => (await tx.query(one, [i])).rows[0])
    }),
  )
  expect(results).toEqual(results.map((_, i) => ({ n: i })))
})

test('reads behind a slow one are answered before it ends, each once', async () => {
  const text = 'select $1::int as n, pg_sleep(case when $1::int < 0 then 60 else 0 end)'
  await using db = open({ maxSize: 3, name: 'rescues' })
  await learn(db, text)
  const controller = new AbortController()
  const slow = failureOf(db.query(text, [-1], { signal: controller.signal }))
  const answered: number[] = []
  await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const { rows } = await db.query<{ n: number }>(text, [i])
      answered.push(rows[0]!.n)
    }),
  )
  expect(answered.toSorted((a, b) => a - b)).toEqual(answered.map((_, i) => i))
  controller.abort(new Error('enough'))
  await slow
})

test('a refused line leaves the event loop its turns', async () => {
  await using db = open({ maxSize: 2, maxWaiting: 0 })
  await learn(db)
  await using lease = await db.getConnection()
  let turns = 0
  const timer = setInterval(() => turns++, 10)
  // The second waits for a line, if it is not refused.
  const [slept] = await Promise.allSettled([1, 2].map((n) => db.query(`select pg_sleep(0.2), ${n} as n`, [])))
  clearInterval(timer)
  expect(slept).toMatchObject({ status: 'fulfilled' })
  expect(turns).toBeGreaterThan(2)
  expect((await lease.connection.query('select 1')).rowCount).toBe(1)
})

test('of a text that changes the session, those that wait behind the first are not run', async () => {
  await using db = open({ maxSize: 2 })
  const text = `select set_config('work_mem', $1, false)`
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) => failureOf(db.query(text, [`${i + 100}kB`]))),
  )
  const ran = outcomes.filter((error) => (error as { mayHaveRun: boolean }).mayHaveRun)
  expect(outcomes.map((error) => (error as { code: string }).code)).toEqual(
    outcomes.map(() => 'CONNECTIONS_SESSION_STATE'),
  )
  expect(ran.length).toBeLessThanOrEqual(2)
})

test('what was given up and changed the session all the same takes its connection with it', async () => {
  await using db = open({ maxSize: 1 })
  const text = `select set_config('work_mem', '123kB', false), pg_sleep($1)`
  const controller = new AbortController()
  const given = failureOf(db.query(text, [0], { signal: controller.signal }))
  await new Promise((resolve) => setImmediate(resolve))
  controller.abort(new Error('enough'))
  await given
  expect((await db.query('show work_mem')).rows).not.toEqual([{ work_mem: '123kB' }])
})

test('when more wait than may, those that came last are refused', async () => {
  await using db = open({ maxSize: 1, maxWaiting: 5 })
  await db.query('select 1', [])
  const slow = db.query('select pg_sleep(0.2)', [])
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => db.query(`select ${i}`, [])))
  expect(outcomes.map(({ status }) => status)).toEqual(
    outcomes.map((_, i) => (i < 5 ? 'fulfilled' : 'rejected')),
  )
  expect(outcomes[19]).toMatchObject({ reason: { code: 'CONNECTIONS_QUEUE_FULL', mayHaveRun: false } })
  await slow
})
