import { createHash } from 'node:crypto'
import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { postgres } from '../../src/postgres.ts'

const server = await startPostgres()
const db = postgres({ connectionString: server.url, maxSize: 1 }).open()
afterAll(async () => {
  await db.close()
  await server.close()
})

const countOf = async (table: string): Promise<number | undefined> =>
  (await db.query<{ count: number }>(`select count(*)::int from ${table}`)).rows[0]?.count

test('rows of an iterable and of an async iterable arrive, and their number is told', async () => {
  await db.query('create table arrived (n int, label text)')
  expect(await db.copyFrom('arrived', ['n', 'label'], numbered(3))).toEqual({ rows: 3 })
  expect(await db.copyFrom('arrived', ['label', 'n'], later([['x', 9]]))).toEqual({ rows: 1 })
  expect(await db.copyFrom('arrived', ['n'], [])).toEqual({ rows: 0 })
  expect((await db.query('select n, label from arrived order by n')).rows).toEqual([
    { n: 0, label: 'row 0' },
    { n: 1, label: 'row 1' },
    { n: 2, label: 'row 2' },
    { n: 9, label: 'x' },
  ])
})

test('many chunks arrive whole and in order', async () => {
  await db.query('create table many (n int, label text)')
  expect(await db.copyFrom('many', ['n', 'label'], numbered(50_000))).toEqual({ rows: 50_000 })
  const { rows } = await db.query(
    `select count(*)::int, sum(n)::int, bool_and(label = 'row ' || n) as whole from many`,
  )
  expect(rows).toEqual([{ count: 50_000, sum: 1_249_975_000, whole: true }])
})

test('every byte arrives right on a slow way that stops again and again', async () => {
  await db.query('create table slow (n int, label text)')
  await using proxy = await startProxy(server)
  proxy.delay(2, 'toServer')
  const { host, user, password, database } = server
  await using db2 = postgres({ host, port: proxy.port, user, password, database, maxSize: 1 }).open()
  let produced = 0
  const enough = new AbortController()
  function* source(): Iterable<unknown[]> {
    for (; !enough.signal.aborted; produced++) yield [produced, labelOf(produced)]
  }
  const copy = db2.copyFrom('slow', ['n', 'label'], source())
  for (let stops = 0; stops < 4; stops++) {
    const start = produced
    await vi.waitFor(() => expect(produced).toBeGreaterThan(start), 10_000)
    proxy.stall('toServer')
    let before = -1
    await vi.waitFor(() => {
      const seen = before
      before = produced
      expect(proxy.stats().toServer.heldBytes).toBeGreaterThan(0)
      expect(produced).toBe(seen)
    }, 10_000)
    if (stops === 3) enough.abort()
    proxy.resume('toServer')
  }
  expect(await copy).toEqual({ rows: produced })
  const { rows } = await db.query(
    `select count(*)::int, count(distinct n)::int as different, max(n) as last,
      bool_and(label = repeat(md5(n::text), 1 + n % 40)) as whole
    from slow`,
  )
  expect(rows).toEqual([{ count: produced, different: produced, last: produced - 1, whole: true }])
})

test('rows longer than a chunk arrive among short ones', async () => {
  await db.query('create table long (n int, label text)')
  const lengths = [1, 100_000, 3, 2_000_000, 40_000, 40_000, 5, 300_000, 0]
  const rows = lengths.map((length, n) => [n, 'ø\\\t'.repeat(length)])
  expect(await db.copyFrom('long', ['n', 'label'], rows)).toEqual({ rows: 9 })
  const { rows: wrong } = await db.query(
    `select n from long where label <> repeat(E'ø\\\\\\t', ($1::int[])[n + 1])`,
    [lengths],
  )
  expect(wrong).toEqual([])
})

test('names are taken as they are stored, with a schema where there is one', async () => {
  await db.query('create schema "S""1"')
  await db.query('create table "S""1"."Table" ("Col""umn" int)')
  expect(await db.copyFrom('S"1.Table', ['Col"umn'], [[1]])).toEqual({ rows: 1 })
})

test('inside a transaction the rows come and go with it', async () => {
  await db.query('create table together (n int)')
  const failed = db.transaction(async (tx) => {
    await tx.copyFrom('together', ['n'], [[1], [2]])
    throw new Error('no')
  })
  await expect(failed).rejects.toThrow('no')
  expect(await countOf('together')).toBe(0)
  await db.transaction(async (tx) => {
    await tx.query('truncate together')
    await tx.copyFrom('together', ['n'], [[1], [2]])
  })
  expect(await countOf('together')).toBe(2)
})

test('a source that fails ends the copy with its own error: nothing is stored and the connection goes on', async () => {
  await db.query('create table sourced (n int, label text)')
  const before = await pid()
  const mistake = new Error('the file is torn\0')
  function* torn(): Iterable<unknown[]> {
    yield* numbered(20_000)
    throw mistake
  }
  await expect(db.copyFrom('sourced', ['n', 'label'], torn())).rejects.toBe(mistake)
  expect(await countOf('sourced')).toBe(0)
  expect(await pid()).toBe(before)
})

test('a value that cannot be written ends the copy, closes its source and leaves the connection usable', async () => {
  await db.query('create table valued (n int, label text)')
  const before = await pid()
  let closed = false
  async function* source(): AsyncIterable<unknown[]> {
    try {
      yield [1, 'fine']
      yield [2, 'not\0fine']
      yield [3, 'never']
    } finally {
      closed = true
    }
  }
  await expect(db.copyFrom('valued', ['n', 'label'], source())).rejects.toMatchObject({
    code: 'CONNECTIONS_VALUE',
    message: expect.stringContaining('row 2, column label'),
  })
  expect(closed).toBe(true)
  await expect(db.copyFrom('valued', ['n', 'label'], [[1]])).rejects.toThrow(TypeError)
  expect(await countOf('valued')).toBe(0)
  expect(await pid()).toBe(before)
})

test('a row that the server refuses ends the copy with its SQLSTATE and closes its source', async () => {
  await db.query('create table refused (n int primary key, label text)')
  let produced = 0
  let closed = false
  function* endless(): Iterable<unknown[]> {
    try {
      for (;;) yield [produced++ % 30_000, 'x'.repeat(100)]
    } finally {
      closed = true
    }
  }
  await expect(db.copyFrom('refused', ['n', 'label'], endless())).rejects.toMatchObject({
    code: 'CONNECTIONS_QUERY',
    sqlState: '23505',
  })
  await vi.waitFor(() => expect(closed).toBe(true))
  await expect(db.copyFrom('nowhere', ['n'], [[1]])).rejects.toMatchObject({ sqlState: '42P01' })
  expect(await countOf('refused')).toBe(0)
})

test('an abort stops a copy whose source has run dry, and the connection goes on', async () => {
  await db.query('create table dry (n int)')
  const before = await pid()
  const controller = new AbortController()
  const waiting = Promise.withResolvers<void>()
  async function* dry(): AsyncIterable<unknown[]> {
    yield [1]
    waiting.resolve()
    await new Promise(() => {})
  }
  const copy = db.copyFrom('dry', ['n'], dry(), { signal: controller.signal })
  await waiting.promise
  controller.abort('enough')
  await expect(copy).rejects.toBe('enough')
  expect(await countOf('dry')).toBe(0)
  expect(await pid()).toBe(before)
})

test('a copy that waits for a lock ends at its limit, and the connection goes on', async () => {
  await db.query('create table locked (n int)')
  const before = await pid()
  await using other = postgres({ connectionString: server.url }).open()
  await other.transaction(async (tx) => {
    await tx.query('lock table locked in exclusive mode')
    await expect(db.copyFrom('locked', ['n'], [[1]], { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'CONNECTIONS_TIMEOUT',
    })
  })
  expect(await pid()).toBe(before)
  expect(await countOf('locked')).toBe(0)
})

test('a server that takes nothing more stops the source, and ends the copy at its limit', async () => {
  await db.query('create table stalled (n int, label text)')
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  await using db2 = postgres({ host, port: proxy.port, user, password, database, maxSize: 1 }).open()
  let produced = 0
  function* endless(): Iterable<unknown[]> {
    for (;;) {
      if (++produced === 1000) proxy.stall()
      yield [produced, 'x'.repeat(1000)]
    }
  }
  const copy = db2.copyFrom('stalled', ['n', 'label'], endless(), { timeoutMs: 200 })
  await expect(copy).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  // What the kernel's buffers hold, and no more.
  expect(produced).toBeLessThan(50_000)
  proxy.resume()
  await vi.waitFor(async () => expect((await db2.query('select 1 as n')).rows).toEqual([{ n: 1 }]))
})

test('a copy whose rows wait for a lock is stopped on the server when it is given up', async () => {
  await db.query('create table blocked (n int primary key)')
  await using admin = postgres({ connectionString: server.url }).open()
  await using db2 = postgres({ connectionString: server.url, name: 'blocked', maxSize: 1 }).open()
  const controller = new AbortController()
  const isWaiting = async (): Promise<boolean> => {
    const { rowCount } = await admin.query(
      `select 1 from pg_stat_activity where application_name = 'blocked' and wait_event_type = 'Lock'`,
    )
    return rowCount === 1
  }
  await admin.transaction(async (tx) => {
    await tx.query('insert into blocked values (1)')
    const copy = db2
      .copyFrom('blocked', ['n'], endless(), { signal: controller.signal })
      .catch((error: unknown) => error)
    await vi.waitFor(async () => expect(await isWaiting()).toBe(true), 5000)
    controller.abort('enough')
    expect(await copy).toBe('enough')
    await vi.waitFor(async () => expect(await isWaiting()).toBe(false), 5000)
  })
})

test('a connection cut during a copy is CONNECTIONS_LOST', async () => {
  await db.query('create table cut (n int)')
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  await using db2 = postgres({ host, port: proxy.port, user, password, database, maxSize: 1 }).open()
  async function* source(): AsyncIterable<unknown[]> {
    yield [1]
    proxy.cut()
    await new Promise(() => {})
  }
  await expect(db2.copyFrom('cut', ['n'], source())).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect((await db2.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

function labelOf(n: number): string {
  return createHash('md5')
    .update(String(n))
    .digest('hex')
    .repeat(1 + (n % 40))
}

async function pid(): Promise<unknown> {
  return (await db.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
}

async function* endless(): AsyncIterable<unknown[]> {
  for (let n = 1; ; n++) yield [n]
}

function* numbered(count: number): Iterable<unknown[]> {
  for (let n = 0; n < count; n++) yield [n, `row ${n}`]
}

async function* later(rows: unknown[][]): AsyncIterable<unknown[]> {
  yield* rows
}
