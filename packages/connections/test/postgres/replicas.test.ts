import { startPostgres, startPostgresReplica, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { ConnectionPoolManager } from '../../src/index.ts'
import { postgres, type PostgresOptions, type PostgresPool } from '../../src/postgres.ts'
import { listenTo } from '../messages.ts'

// A replica cancels at once what is in conflict with what it replays.
const primary = await startPostgres({ settings: { max_standby_streaming_delay: 0 } })
const first = await startPostgresReplica(primary)
const second = await startPostgresReplica(primary)
afterAll(async () => {
  await Promise.all([first.close(), second.close()])
  await primary.close()
})

/** Short enough for tests, and long enough for a machine that has other things to do. */
const maxLagMs = 2_000

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: primary.url, replicas: [first.url], maxLagMs, ...options }).open()

const replica = true

/** Where a read is answered. */
async function portOf(db: PostgresPool): Promise<number> {
  const { rows } = await db.query<{ port: number }>('select inet_server_port() as port', [], { replica })
  return rows[0]!.port
}

const answeredBy = (db: PostgresPool, port: number): Promise<void> =>
  vi.waitFor(async () => expect(await portOf(db)).toBe(port), { timeout: 10_000, interval: 20 })

test('reads are spread over the replicas, and everything else goes to the primary', async () => {
  await using db = open({ replicas: [first.url, { port: second.port }] })
  await db.warm()
  const counts = new Map<number, number>()
  for (let i = 0; i < 10; i++) {
    for (const port of await Promise.all(Array.from({ length: 10 }, () => portOf(db)))) {
      counts.set(port, (counts.get(port) ?? 0) + 1)
    }
  }
  expect(counts).toEqual(
    new Map([
      [first.port, 50],
      [second.port, 50],
    ]),
  )
  const { rows } = await db.sql`select inet_server_port() as port`
  expect(rows).toEqual([{ port: primary.port }])
  expect(db.stats()).toMatchObject({
    fallbacks: 0,
    'replicas.1.healthy': true,
    'replicas.1.statements': 50,
    'replicas.2.healthy': true,
    'replicas.2.statements': 50,
  })
  expect(db.stats()['replicas.1.lagMs']).toBeLessThan(maxLagMs)
})

test('a read goes to the primary until the lag is known, and then to the replica', async () => {
  await using db = open()
  using fallbacks = listenTo('code:connections:fallback')
  expect(db.stats()).toMatchObject({ 'replicas.1.healthy': false, 'replicas.1.lagMs': Infinity })
  expect(await portOf(db)).toBe(primary.port)
  expect(fallbacks.messages).toEqual([{ pool: db.name, reason: 'down' }])
  await answeredBy(db, first.port)
  expect(db.stats().fallbacks).toBe(fallbacks.messages.length)
})

test('without replicas a statement for one is answered by the pool itself', async () => {
  await using db = open({ replicas: undefined })
  expect(await portOf(db)).toBe(primary.port)
  expect(db.stats().fallbacks).toBe(0)
})

test('a replica that lags is left out until it has caught up', async () => {
  await using db = open({ maxLagMs: 500 })
  await db.query('create table lagging as select 1 as n')
  await first.catchUp()
  await answeredBy(db, first.port)
  using fallbacks = listenTo('code:connections:fallback')
  await first.pauseReplay()
  try {
    await db.query('update lagging set n = 2')
    const { rows } = await db.query('select n from lagging', [], { replica })
    expect(rows).toEqual([{ n: 1 }])

    await answeredBy(db, primary.port)
    expect((await db.query('select n from lagging', [], { replica })).rows).toEqual([{ n: 2 }])
    expect(db.stats()['replicas.1.lagMs']).toBeGreaterThan(500)
    expect(db.stats()['replicas.1.healthy']).toBe(true)
    expect(fallbacks.messages).toContainEqual({ pool: db.name, reason: 'lag' })
    const { ok, parts } = await db.health()
    expect(ok).toBe(true)
    expect(parts).toMatchObject([{ name: `${db.name}-replica-1`, ok: false, critical: false }])
    expect(parts?.[0]?.error).toMatch(/^its lag is up to \d+ ms, more than maxLagMs \(500\)$/)
  } finally {
    await first.resumeReplay()
  }
  await first.catchUp()
  await answeredBy(db, first.port)
  expect((await db.query('select n from lagging', [], { replica })).rows).toEqual([{ n: 2 }])
  expect((await db.health()).parts).toMatchObject([{ ok: true }])
})

test('a replica without contact to its primary is used as long as it misses nothing', async () => {
  await using db = open({ maxLagMs: 500 })
  await using admin = postgres({ connectionString: first.url }).open()
  await db.query('create table unheard as select 1 as n')
  await first.catchUp()
  await answeredBy(db, first.port)
  const { rows } = await admin.query<{ pid: number }>('select pid from pg_stat_wal_receiver')
  process.kill(rows[0]!.pid, 'SIGSTOP')
  try {
    const startedAt = performance.now()
    await vi.waitFor(
      async () => {
        await portOf(db)
        expect(performance.now() - startedAt).toBeGreaterThan(1_500)
      },
      { timeout: 5_000, interval: 20 },
    )
    await answeredBy(db, first.port)
    await db.query('update unheard set n = 2')
    await answeredBy(db, primary.port)
    expect((await db.query('select n from unheard', [], { replica })).rows).toEqual([{ n: 2 }])
  } finally {
    process.kill(rows[0]!.pid, 'SIGCONT')
  }
  await answeredBy(db, first.port)
  expect((await db.query('select n from unheard', [], { replica })).rows).toEqual([{ n: 2 }])
}, 20_000)

test('no read fails when its replica stops, and the replica is used again when it is back', async () => {
  await using db = open({ replicas: [first.url, second.url] })
  await db.warm()
  const enough = new AbortController()
  const failures: unknown[] = []
  const readers = Array.from({ length: 16 }, async () => {
    while (!enough.signal.aborted && failures.length === 0)
      await portOf(db).catch((error: unknown) => failures.push(error))
  })
  await vi.waitFor(() => expect(db.stats()['replicas.1.statements']).toBeGreaterThan(100))
  await first.stop()
  await vi.waitFor(() => expect(db.stats()['replicas.1.healthy']).toBe(false), 5_000)
  const others = db.stats()['replicas.2.statements']!
  await vi.waitFor(() => expect(db.stats()['replicas.2.statements']).toBeGreaterThan(others + 100))
  await first.start()
  const before = db.stats()['replicas.1.statements']!
  await vi.waitFor(() => expect(db.stats()['replicas.1.statements']).toBeGreaterThan(before + 100), 10_000)
  enough.abort()
  await Promise.all(readers)
  expect(failures).toEqual([])
}, 30_000)

test('a crash of a replica under slow reads lets them run again on the primary', async () => {
  await using db = open()
  await db.warm()
  const text = `select case when pg_is_in_recovery() then pg_sleep(60)::text end, inet_server_port() as port`
  const reads = Array.from({ length: 5 }, () => db.query(text, [], { replica }))
  // Not all of them: what proves slow may not take every connection.
  await untilActive(first.url, 3)
  await first.stop({ mode: 'immediate' })
  try {
    for (const { rows } of await Promise.all(reads)) expect(rows).toMatchObject([{ port: primary.port }])
    expect(db.stats().fallbacks).toBe(5)
  } finally {
    await first.start()
  }
}, 30_000)

test('with all replicas down the primary answers, and the whole is healthy still', async () => {
  const [gone, alsoGone] = [`${first.url}_gone`, `${second.url}_gone`]
  await using manager = new ConnectionPoolManager({
    main: postgres({ connectionString: primary.url, replicas: [gone, alsoGone] }),
  })
  using fallbacks = listenTo('code:connections:fallback')
  await manager.warm()
  const db = manager.pool('main')
  expect(await portOf(db)).toBe(primary.port)
  expect(fallbacks.messages).toEqual([{ pool: 'main', reason: 'down' }])
  const report = await manager.health()
  expect(report.isHealthy).toBe(true)
  expect(report.checks).toMatchObject([
    { name: 'main', ok: true, critical: true },
    { name: 'main-replica-1', ok: false, critical: false },
    { name: 'main-replica-2', ok: false, critical: false },
  ])
  expect(report.failures).toEqual([
    expect.stringMatching(/^main-replica-1: .*does not exist/),
    expect.stringMatching(/^main-replica-2: .*does not exist/),
  ])
})

test('a read in conflict with what its replica replays runs again on the primary', async () => {
  await using db = open()
  await db.query('create table changing as select 1 as n')
  await first.catchUp()
  await db.warm()
  using fallbacks = listenTo('code:connections:fallback')
  const text = `select case when pg_is_in_recovery() then pg_sleep(60)::text end, n from changing`
  const read = db.query(text, [], { replica })
  await untilActive(first.url, 1)
  await db.query('alter table changing add column more int')
  expect((await read).rows).toMatchObject([{ n: 1 }])
  expect(fallbacks.messages).toEqual([{ pool: db.name, reason: 'conflict' }])
})

test('a statement for a replica cannot write: neither there nor on the primary in its place', async () => {
  await using admin = open({ replicas: undefined })
  await admin.query('create table untouched (n int)')
  await first.catchUp()
  const writes = [
    'insert into untouched values (1)',
    'with written as (insert into untouched values (1) returning n) select n from written',
    'create table created (n int)',
  ]
  const places: PostgresOptions[] = [
    {},
    { multiplex: false },
    { pgBouncer: true },
    { replicas: undefined },
    { replicas: undefined, multiplex: false },
    { replicas: undefined, pgBouncer: true },
  ]
  for (const place of places) {
    await using db = open(place)
    await db.warm()
    for (const text of writes) {
      // Twice: what was learned from the first must not help the second.
      for (let i = 0; i < 2; i++) {
        await expect(db.query(text, [], { replica })).rejects.toMatchObject({
          code: 'CONNECTIONS_QUERY',
          sqlState: '25006',
          mayHaveRun: false,
          message: `${db.name}: a statement with replica: true may only read, and this one writes: ${text}`,
        })
      }
    }
    expect(db.stats().fallbacks).toBe(0)
    // Without the option they are writes as before.
    await db.query('insert into untouched values (2)', [])
  }
  const { rows } = await admin.query('select n, count(*)::int from untouched group by n')
  expect(rows).toEqual([{ n: 2, count: places.length }])
})

test('a read-only transaction and a cursor run on a replica, or on the primary', async () => {
  await using db = open()
  const ports = async (): Promise<number[]> => {
    const text = 'select inet_server_port() as port'
    const inTransaction = await db.transaction((session) => session.query<{ port: number }>(text), {
      readOnly: true,
      replica,
    })
    const rows = [...inTransaction.rows]
    for await (const batch of db.cursor<{ port: number }>(text, [], { replica })) rows.push(...batch)
    return rows.map(({ port }) => port)
  }
  expect(await ports()).toContain(primary.port)
  await db.warm()
  expect(await ports()).toEqual([first.port, first.port])
  await db.query('create table scrolled as select 1 as n')
  await first.catchUp()
  const writing = 'delete from scrolled returning n'
  await using primaryOnly = open({ replicas: undefined })
  for (const pool of [db, primaryOnly]) {
    const cursor = pool.cursor(writing, [], { replica })[Symbol.asyncIterator]()
    await expect(cursor.next()).rejects.toMatchObject({ sqlState: '25006' })
  }
  await expect(db.transaction(() => {}, { replica })).rejects.toThrow(TypeError)
  await expect(
    db.transaction(() => {}, { replica, readOnly: true, isolation: 'serializable' }),
  ).rejects.toThrow(TypeError)
})

test('a transaction that has begun on a replica is not begun again elsewhere', async () => {
  await using db = open()
  await db.warm()
  let runs = 0
  const transaction = db.transaction(
    async (session) => {
      runs++
      await session.query('select pg_terminate_backend(pg_backend_pid())')
    },
    { readOnly: true, replica },
  )
  await expect(transaction).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect(runs).toBe(1)
})

test('reads on a replica that falls silent are answered by the primary long before their limits', async () => {
  await using proxy = await startProxy({ host: first.host, port: first.port })
  await using db = open({ replicas: [{ port: proxy.port }] })
  await db.warm()
  expect(await portOf(db)).toBe(first.port)
  proxy.stall()
  const startedAt = performance.now()
  expect(await portOf(db)).toBe(primary.port)
  expect(performance.now() - startedAt).toBeLessThan(15_000)
  proxy.resume()
  await answeredBy(db, first.port)
}, 30_000)

test("the caller's signal and limit hold for reads on replicas", async () => {
  await using db = open()
  await db.warm()
  const sleep = 'select pg_sleep(60)'
  const controller = new AbortController()
  const aborted = db.query(sleep, [], { replica, signal: controller.signal })
  await untilActive(first.url, 1)
  controller.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  await expect(db.query(sleep, [], { replica, timeoutMs: 50 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
  })
  expect(db.stats().fallbacks).toBe(0)
  await expect(db.query('select 1', [], { replica: 'yes' as never })).rejects.toThrow(TypeError)
})

test('a promoted replica is one no more', async () => {
  await using other = await startPostgres()
  await using promoted = await startPostgresReplica(other)
  await using db = postgres({ connectionString: other.url, replicas: [promoted.url], maxLagMs }).open()
  await answeredBy(db, promoted.port)
  await using admin = postgres({ connectionString: promoted.url }).open()
  await admin.query('select pg_promote()', [])
  await answeredBy(db, other.port)
  await vi.waitFor(() => expect(db.stats()['replicas.1.healthy']).toBe(false))
}, 30_000)

test('a close waits for what replicas do, closes them too, and reports who is left at the deadline', async () => {
  const db = open({ name: 'closing' })
  await db.warm()
  const slow = db.query('select pg_sleep(0.2)', [], { replica })
  expect(await db.close()).toMatchObject({ closed: true, holders: [] })
  await slow
  await expect(portOf(db)).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })

  const left = open({ name: 'closing' })
  await left.warm()
  const stuck = left.query('select pg_sleep(60)', [], { replica }).catch((error: unknown) => error)
  await untilActive(first.url, 1)
  const { closed, holders } = await left.close({ deadlineMs: 50 })
  expect(closed).toBe(false)
  expect(holders).toMatchObject([{ label: 'closing-replica-1: select pg_sleep(60)' }])
  expect(await stuck).toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await using admin = postgres({ connectionString: first.url }).open()
  await vi.waitFor(async () => {
    const text = `select 1 from pg_stat_activity where application_name like 'closing%'`
    expect((await admin.query(text)).rows).toEqual([])
  })
})

/** Resolves when so many statements sleep there. */
async function untilActive(url: string, count: number): Promise<void> {
  await using admin = postgres({ connectionString: url }).open()
  await vi.waitFor(async () => {
    const { rows } = await admin.query(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
    expect(rows).toHaveLength(count)
  }, 5_000)
}
