import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, running, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
beforeAll(async () => {
  // Fast as a rule, so that many of it share a connection; slow for who asks it to be.
  await admin.query(`create function naps(s float) returns float language plpgsql stable as $$
    begin
      if s > 0 then perform pg_sleep(s); end if;
      return s;
    end $$`)
  await admin.query('create table kept (call int)')
})
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

const nap = (db: PostgresPool, seconds: number, options = {}): Promise<unknown> =>
  db.query('select naps($1::float)', [seconds], options)

/** Makes naps known as fast on all lines there are. */
async function learn(db: PostgresPool): Promise<void> {
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 40 }, () => nap(db, 0)))
  }
}

const active = async (pool: string): Promise<number> => {
  const { rows } = await admin.query(
    `select 1 from pg_stat_activity where application_name = $1 and state = 'active'`,
    [pool],
  )
  return rows.length
}

test.for(['limit', 'signal'] as const)(
  'a statement ended by its %s at the head of its line is stopped on the server, and those behind it succeed',
  async (by) => {
    const name = `head-${by}`
    await using db = open({ name, maxSize: 1 })
    await learn(db)
    const { created } = db.stats()
    const controller = new AbortController()
    const options = by === 'limit' ? { timeoutMs: 300 } : { signal: controller.signal }
    const startedAt = performance.now()
    const head = failureOf(nap(db, 30, options))
    const behind = Array.from({ length: 20 }, () => nap(db, 0))
    await running(admin, name, 'select naps')
    controller.abort(new Error('enough'))
    const failure = await head
    if (by === 'limit') expect(failure).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: true })
    else expect(failure).toBe(controller.signal.reason)
    await Promise.all(behind)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    await vi.waitFor(async () => expect(await active(name)).toBe(0))
    await nap(db, 0)
    expect(db.stats().created).toBeLessThanOrEqual(created + 1)
  },
)

test.for(['limit', 'signal'] as const)(
  'a statement ended by its %s behind others is told in time and stops none of them',
  async (by) => {
    const name = `behind-${by}`
    await using db = open({ name, maxSize: 1 })
    await learn(db)
    const controller = new AbortController()
    const options = by === 'limit' ? { timeoutMs: 100 } : { signal: controller.signal }
    const head = nap(db, 1.5)
    const others = Array.from({ length: 5 }, () => nap(db, 0))
    const given = failureOf(nap(db, 0, options))
    const more = Array.from({ length: 5 }, () => nap(db, 0))
    let headIsDone = false
    void head.then(() => (headIsDone = true))
    setTimeout(() => controller.abort(new Error('enough')), 100)
    const failure = await given
    if (by === 'limit') expect(failure).toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
    else expect(failure).toBe(controller.signal.reason)
    expect(headIsDone).toBe(false)
    expect(await head).toMatchObject({ rows: [{ naps: 1.5 }] })
    await Promise.all([...others, ...more])
    expect(db.stats()).toMatchObject({ destroyed: 0, failures: 1 })
  },
)

test('many ended at many moments: nobody else is harmed, and nothing goes on running', async () => {
  await using db = open({ name: 'many', maxSize: 3 })
  await learn(db)
  const startedAt = performance.now()
  const ended = Array.from({ length: 60 }, async (_, i) => {
    const ms = 20 + 3 * i
    const signal = AbortSignal.timeout(ms)
    const failure = await failureOf(nap(db, 5, i % 2 === 0 ? { timeoutMs: ms } : { signal }))
    if (i % 2 === 0) expect(failure).toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
    else expect(failure).toBe(signal.reason)
  })
  const others: Promise<unknown>[] = []
  for (let round = 0; round < 40; round++) {
    others.push(nap(db, 0), nap(db, 0.001))
    others.push(db.query('insert into kept values ($1)', [round]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all([...ended, ...others])
  expect(performance.now() - startedAt).toBeLessThan(3_000)
  const { rows } = await admin.query(
    'select count(*)::int as n, count(distinct call)::int as distinct from kept',
  )
  expect(rows).toEqual([{ n: 40, distinct: 40 }])
  await vi.waitFor(async () => expect(await active('many')).toBe(0))
})

test('a statement ended while it waits is never sent', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('create table never (n int)')
  {
    await using lease = await db.getConnection()
    expect(
      await failureOf(db.query('insert into never values (1)', undefined, { timeoutMs: 50 })),
    ).toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
    const signal = AbortSignal.timeout(50)
    expect(await failureOf(db.query('insert into never values (2)', undefined, { signal }))).toBe(
      signal.reason,
    )
    await lease.connection.query('select 1')
  }
  expect((await db.query('select * from never')).rows).toEqual([])
})

test('callers aborted while they wait leave no trace: others have all the room in the queue', async () => {
  await using db = open({ maxSize: 1, maxWaiting: 20 })
  await db.query('select 1 as n')
  {
    await using lease = await db.getConnection()
    for (let i = 0; i < 500; i++) {
      const controller = new AbortController()
      const waiting = failureOf(db.query('select 1 as n', undefined, { signal: controller.signal }))
      controller.abort(new Error('enough'))
      expect(await waiting).toBe(controller.signal.reason)
    }
    expect(db.stats().waiting).toBe(0)
    const outcomes = Array.from({ length: 30 }, () => failureOfAny(db.query('select 1 as n')))
    await new Promise((resolve) => setImmediate(resolve))
    expect(db.stats().waiting).toBeGreaterThanOrEqual(20)
    await lease.connection.query('select 1')
    await lease[Symbol.asyncDispose]()
    const refused = (await Promise.all(outcomes)).filter((error) => error !== undefined)
    for (const error of refused) expect(error).toMatchObject({ code: 'CONNECTIONS_QUEUE_FULL' })
    expect(refused.length).toBeLessThanOrEqual(10)
  }
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('of 500 callers that wait, all aborted at once are told at once and the rest is served', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('select 1 as n')
  const controller = new AbortController()
  const { signal } = controller
  const lease = await db.getConnection()
  const aborted = Array.from({ length: 500 }, () =>
    failureOf(db.query('select 1 as n', undefined, { signal })),
  )
  const kept = Array.from({ length: 10 }, () => db.query('select 1 as n'))
  controller.abort(new Error('enough'))
  for (const error of await Promise.all(aborted)) expect(error).toBe(signal.reason)
  expect(db.stats().waiting).toBeLessThanOrEqual(11)
  await lease[Symbol.asyncDispose]()
  await Promise.all(kept)
  await vi.waitFor(() => expect(db.stats()).toMatchObject({ waiting: 0, inUse: 0 }))
})

function failureOfAny(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}
