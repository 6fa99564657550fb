import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startPgBouncer, startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../src/postgres.ts'
import { listenTo } from '../messages.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, maxSize: 1, ...options }).open()

const throughProxy = (port: number, options: PostgresOptions = {}): PostgresPool => {
  const { host, user, password, database } = server
  return open({ connectionString: undefined, host, port, user, password, database, ...options })
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const numbers = 'select n from generate_series(1, $1::int) as n'

async function batches<R>(cursor: AsyncIterable<R[]>): Promise<R[][]> {
  const all: R[][] = []
  for await (const batch of cursor) all.push(batch)
  return all
}

test('rows come in batches, in order, none of them empty, and the connection is given back with the last', async () => {
  await using db = open()
  const cursor = db.cursor<{ n: number }>(numbers, [7], { batchSize: 3 })
  const sizes: number[] = []
  let next = 1
  for await (const batch of cursor) {
    expectTypeOf(batch).toEqualTypeOf<{ n: number }[]>()
    for (const { n } of batch) expect(n).toBe(next++)
    sizes.push(batch.length)
    expect(db.stats().inUse).toBe(batch.length === 3 ? 1 : 0)
  }
  expect(sizes).toEqual([3, 3, 1])
  expect((await batches(db.cursor(numbers, [6], { batchSize: 3 }))).map((batch) => batch.length)).toEqual([
    3, 3,
  ])
  expect(await batches(db.cursor(numbers, [0]))).toEqual([])
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1 })
})

test('nothing is asked of the server before the first batch is', async () => {
  await using db = open()
  await using cursor = db.cursor('select 1')
  expect(db.stats()).toMatchObject({ created: 0, inUse: 0 })
  await cursor[Symbol.asyncDispose]()
  expect(await batches(cursor)).toEqual([])
  expect(db.stats().created).toBe(0)
})

test('the next batch is fetched when it is asked for, not before', async () => {
  await using db = open()
  await db.query('create sequence fetched')
  const cursor = db.cursor(`select nextval('fetched') from generate_series(1, 1000)`, [], { batchSize: 10 })
  const iterator = cursor[Symbol.asyncIterator]()
  await iterator.next()
  await iterator.next()
  await using other = open()
  expect((await other.query('select last_value::int as n from fetched')).rows).toEqual([{ n: 20 }])
  await cursor[Symbol.asyncDispose]()
})

test('a million rows are read in the memory of a batch', async () => {
  await using db = open()
  let count = 0
  let before = 0
  for await (const batch of db.cursor(
    `select n, repeat('x', 100) as text from generate_series(1, 1000000) as n`,
  )) {
    count += batch.length
    if (count === 100_000) before = heapUsed()
  }
  expect(count).toBe(1_000_000)
  // Kept, the rows would be over 100 MB.
  expect(heapUsed() - before).toBeLessThan(5_000_000)
}, 30_000)

test('rows() gives them one by one', async () => {
  await using db = open()
  const read: unknown[] = []
  for await (const row of db.cursor(numbers, [5], { batchSize: 2 }).rows()) read.push(row)
  expect(read).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }])
  for await (const row of db.cursor(numbers, [5], { batchSize: 2 }).rows()) {
    expect(row).toEqual({ n: 1 })
    break
  }
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1 })
})

test('rows are arrays and their columns parsed as asked, in every batch', async () => {
  await using db = open()
  const types = { getTypeParser: () => (text: string) => `<${text}>` }
  const read = await batches(db.cursor(numbers, [3], { batchSize: 2, rowMode: 'array', types }))
  expect(read).toEqual([[['<1>'], ['<2>']], [['<3>']]])
})

test('leaving the loop ends the statement and gives the connection back, by break, return, throw or disposal', async () => {
  await using db = open()
  const pid = async (): Promise<unknown> => (await db.query('select pg_backend_pid()')).rows
  const before = await pid()
  for await (const _ of db.cursor(numbers, [1000], { batchSize: 10 })) break
  expect(db.stats().inUse).toBe(0)
  const throwing = async (): Promise<void> => {
    for await (const _ of db.cursor(numbers, [1000], { batchSize: 10 })) throw new Error('changed my mind')
  }
  await expect(throwing()).rejects.toThrow('changed my mind')
  expect(db.stats().inUse).toBe(0)
  {
    await using cursor = db.cursor(numbers, [1000], { batchSize: 10 })
    await cursor[Symbol.asyncIterator]().next()
    expect(db.stats().inUse).toBe(1)
  }
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1, failures: 0 })
  expect(await pid()).toEqual(before)
})

test('a statement that writes does so in full, also when the loop is left early', async () => {
  await using db = open()
  await db.query('create table written (n int)')
  const insert = 'insert into written select generate_series(1, 100) returning n'
  for await (const batch of db.cursor(insert, [], { batchSize: 10 })) {
    expect(batch).toHaveLength(10)
    break
  }
  expect((await db.query('select count(*)::int from written')).rows).toEqual([{ count: 100 }])
  expect(await batches(db.cursor('update written set n = 0'))).toEqual([])
  expect((await db.query('select sum(n)::int from written')).rows).toEqual([{ sum: 0 }])
})

test('an error in the middle comes after the batches before it, and the connection goes on', async () => {
  await using db = open({ name: 'divided' })
  const seen: number[] = []
  const reading = async (): Promise<void> => {
    const text = 'select 1 / (500 - n) as q, n from generate_series(1, 1000) as n'
    for await (const batch of db.cursor<{ n: number }>(text, [], { batchSize: 100 }))
      seen.push(batch.at(-1)!.n)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'CONNECTIONS_QUERY', sqlState: '22012' })
  expect(seen).toEqual([100, 200, 300, 400])
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1 })
  await expect(batches(db.cursor('select * from nowhere'))).rejects.toMatchObject({ sqlState: '42P01' })
  await expect(batches(db.cursor('select 1; select 2'))).rejects.toMatchObject({ sqlState: '42601' })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(db.stats().created).toBe(1)
})

test('a deferred constraint that fails at the commit fails the iteration', async () => {
  await using db = open()
  await db.query('create table deferred (n int unique deferrable initially deferred)')
  const insert = 'insert into deferred values (1), (1) returning n'
  await expect(batches(db.cursor(insert))).rejects.toMatchObject({ sqlState: '23505' })
  for (const _ of [1, 2]) expect((await db.query('select * from deferred')).rows).toEqual([])
})

test('a parser that throws ends the iteration with its own error', async () => {
  await using db = open()
  const mistake = new Error('no number')
  const types = {
    getTypeParser: () => (text: string) => {
      if (text === '15') throw mistake
      return text
    },
  }
  await expect(batches(db.cursor(numbers, [30], { batchSize: 10, types }))).rejects.toBe(mistake)
  await db.transaction(async (tx) => {
    await expect(batches(tx.cursor(numbers, [30], { batchSize: 10, types }))).rejects.toBe(mistake)
    expect((await tx.query('select count(*)::int from pg_cursors')).rows).toEqual([{ count: 0 }])
  })
  expect(db.stats().created).toBe(1)
})

test('an abort between two batches gives the connection back at once, and the next batch rejects with its reason', async () => {
  await using db = open()
  const controller = new AbortController()
  const cursor = db.cursor(numbers, [100], { batchSize: 10, signal: controller.signal })
  const iterator = cursor[Symbol.asyncIterator]()
  await iterator.next()
  controller.abort('enough')
  await vi.waitFor(() => expect(db.stats().inUse).toBe(0))
  await expect(iterator.next()).rejects.toBe('enough')
  await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  await expect(batches(db.cursor('select 1', [], { signal: controller.signal }))).rejects.toBe('enough')
  expect(db.stats().created).toBe(1)
})

test('an abort while a batch is fetched rejects at once and stops the statement', async () => {
  await using db = open()
  await using admin = open()
  const controller = new AbortController()
  const text = `select n, pg_sleep(case when n > 10 then 60 else 0 end) from generate_series(1, 20) as n`
  const iterator = db.cursor(text, [], { batchSize: 10, signal: controller.signal })[Symbol.asyncIterator]()
  await iterator.next()
  const running = iterator.next()
  const sleeping = async (): Promise<unknown> =>
    (await admin.query(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)).rowCount
  await vi.waitFor(async () => expect(await sleeping()).toBe(1))
  controller.abort('enough')
  await expect(running).rejects.toBe('enough')
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(await sleeping()).toBe(0)
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1 })
})

test('a wait for a connection can be aborted', async () => {
  await using db = open()
  await using lease = await db.getConnection()
  const controller = new AbortController()
  const reading = batches(db.cursor('select 1', [], { signal: controller.signal }))
  controller.abort('enough')
  await expect(reading).rejects.toBe('enough')
  await lease.connection.query('select 1')
})

test('a server that falls silent between two batches ends the iteration at its limit', async () => {
  await using proxy = await startProxy(server)
  await using db = throughProxy(proxy.port)
  const iterator = db.cursor(numbers, [100], { batchSize: 10, timeoutMs: 100 })[Symbol.asyncIterator]()
  await iterator.next()
  proxy.stall()
  const startedAt = performance.now()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  expect(performance.now() - startedAt).toBeLessThan(1100)
  proxy.resume()
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('the limit is that of each batch, not of the whole', async () => {
  await using db = open()
  const text = 'select pg_sleep(0.05) from generate_series(1, 10)'
  expect(await batches(db.cursor(text, [], { batchSize: 1, timeoutMs: 400 }))).toHaveLength(10)
})

test('a connection cut between two batches is CONNECTIONS_LOST, and the next statement has a new one', async () => {
  await using proxy = await startProxy(server)
  await using db = throughProxy(proxy.port)
  const iterator = db.cursor(numbers, [100], { batchSize: 10 })[Symbol.asyncIterator]()
  await iterator.next()
  proxy.cut()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(db.stats()).toMatchObject({ inUse: 0, created: 2 })
})

test('a batch over maxResultBytes is refused, a result of many batches under it is not', async () => {
  await using db = open({ maxResultBytes: 5_000 })
  const text = `select repeat('x', 100) from generate_series(1, 200)`
  expect(await batches(db.cursor(text, [], { batchSize: 20 }))).toHaveLength(10)
  await expect(batches(db.cursor(text, [], { batchSize: 100 }))).rejects.toMatchObject({
    code: 'CONNECTIONS_RESULT_TOO_LARGE',
  })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('inside a transaction it sees what the transaction did, and statements run between its batches', async () => {
  await using db = open()
  await db.query('create table source (n int)')
  await db.query('create table target (n int)')
  await db.transaction(async (tx) => {
    await tx.query('insert into source select generate_series(1, 25)')
    for await (const batch of tx.cursor<{ n: number }>('select n from source order by n', [], {
      batchSize: 10,
    })) {
      await tx.query('insert into target select unnest($1::int[])', [batch.map(({ n }) => n)])
      await tx.query('update source set n = n + 100')
    }
  })
  expect((await db.query('select count(*)::int, sum(n)::int from target')).rows).toEqual([
    { count: 25, sum: 325 },
  ])
})

test('several cursors of one transaction are read side by side, and leave nothing behind', async () => {
  await using db = open()
  await db.transaction(async (tx) => {
    const left = tx.cursor(numbers, [6], { batchSize: 3 })[Symbol.asyncIterator]()
    const right = tx.cursor('select n * 10 as n from generate_series(1, 6) as n', [], { batchSize: 2 })
    const steps = [left.next()]
    for await (const batch of right) {
      expect(batch).toHaveLength(2)
      steps.push(left.next())
    }
    expect((await Promise.all(steps)).map(({ value }) => (value as unknown[] | undefined)?.length)).toEqual([
      3,
      3,
      undefined,
      undefined,
    ])
    for await (const _ of tx.cursor(numbers, [6], { batchSize: 3 })) break
    expect((await tx.query('select count(*)::int from pg_cursors')).rows).toEqual([{ count: 0 }])
  })
})

test('what fails inside a transaction undoes it, as any statement', async () => {
  await using db = open()
  await db.query('create table undone (n int)')
  const transaction = db.transaction(async (tx) => {
    await tx.query('insert into undone values (1)')
    await batches(tx.cursor('select 1 / (50 - n) from generate_series(1, 100) as n', [], { batchSize: 10 }))
  })
  await expect(transaction).rejects.toMatchObject({ sqlState: '22012' })
  expect((await db.query('select * from undone')).rows).toEqual([])
})

test('a cursor ends with its transaction or its lease, and can be disposed after', async () => {
  await using db = open()
  const cursor = await db.transaction(async (tx) => {
    const cursor = tx.cursor(numbers, [100], { batchSize: 10 })
    await cursor[Symbol.asyncIterator]().next()
    return cursor
  })
  await cursor[Symbol.asyncDispose]()
  const lease = await db.getConnection()
  const iterator = lease.connection.cursor(numbers, [100], { batchSize: 10 })[Symbol.asyncIterator]()
  await iterator.next()
  await lease[Symbol.asyncDispose]()
  await expect(iterator.next()).rejects.toThrow(TypeError)
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(db.stats()).toMatchObject({ inUse: 0, created: 1 })
})

test('on a lease it has a transaction of its own, in which nothing else runs', async () => {
  await using db = open()
  await using lease = await db.getConnection()
  const { connection } = lease
  await connection.query('create temporary table rows_of_lease as select generate_series(1, 20) as n')
  for await (const batch of connection.cursor('select n from rows_of_lease', [], { batchSize: 15 })) {
    if (batch.length === 15) await expect(connection.query('select 1')).rejects.toThrow('a cursor is open')
  }
  await expect(
    batches(connection.cursor('select 1 / (n - 18) from rows_of_lease', [], { batchSize: 5 })),
  ).rejects.toMatchObject({ sqlState: '22012' })
  expect((await connection.query('select count(*)::int from rows_of_lease')).rows).toEqual([{ count: 20 }])

  await connection.query('begin')
  for await (const _ of connection.cursor('select n from rows_of_lease', [], { batchSize: 15 })) {
    await connection.query('select 1')
  }
  expect((await connection.query('select now() = statement_timestamp() as alone')).rows).toEqual([
    { alone: false },
  ])
  await connection.query('commit')
})

test('it goes through a PgBouncer that hands out connections by the transaction', async () => {
  await using bouncer = await startPgBouncer(server, { poolMode: 'transaction' })
  await using db = open({ connectionString: bouncer.url, pgBouncer: true, maxSize: 3 })
  const counts = await Promise.all(
    [25, 26, 27].map(
      async (count) => (await batches(db.cursor(numbers, [count], { batchSize: 10 }))).flat().length,
    ),
  )
  expect(counts).toEqual([25, 26, 27])
})

test('a close whose deadline finds a cursor open names it, and the next batch fails', async () => {
  await using db = open({ name: 'closed' })
  const iterator = db.cursor(numbers, [100], { batchSize: 10 })[Symbol.asyncIterator]()
  await iterator.next()
  const report = await db.close({ deadlineMs: 50 })
  expect(report).toMatchObject({ closed: false, holders: [{ label: `cursor: ${numbers}` }] })
  await expect(iterator.next()).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
})

test('a close waits for a cursor that is read to its end', async () => {
  await using db = open()
  const cursor = db.cursor(numbers, [30], { batchSize: 10 })
  let closing: Promise<{ readonly closed: boolean }> | undefined
  for await (const _ of cursor) closing ??= db.close()
  expect(await closing).toMatchObject({ closed: true, holders: [] })
})

test('a cursor is told on the channel once, with all its rows', async () => {
  await using db = open({ name: 'told' })
  await db.query('select 1')
  using listening = listenTo('code:connections:query')
  await batches(db.cursor(numbers, [25], { batchSize: 10 }))
  for await (const _ of db.cursor(numbers, [25], { batchSize: 10 })) break
  await batches(db.cursor('selec')).catch(() => {})
  const ms = expect.any(Number)
  expect(listening.messages).toEqual([
    { pool: 'told', ms, ok: true, lane: 'exclusive', rows: 25 },
    { pool: 'told', ms, ok: true, lane: 'exclusive', rows: 10 },
    // The rollback of its transaction.
    { pool: 'told', ms, ok: true, lane: 'exclusive', rows: 0 },
    { pool: 'told', ms, ok: false, lane: 'exclusive', rows: 0, code: 'CONNECTIONS_QUERY' },
  ])
})

test('a mistake of the caller is refused at once', async () => {
  await using db = open()
  expect(() => db.cursor(undefined as never)).toThrow(new TypeError('text must be a string, got undefined'))
  expect(() => db.cursor('select 1', 5 as never)).toThrow(TypeError)
  expect(() => db.cursor('select 1', [], { batchSize: 0 })).toThrow(
    new RangeError('batchSize must be an integer from 1, got 0'),
  )
  expect(() => db.cursor('select 1', [], { batchSize: 2 ** 31 })).toThrow(RangeError)
  expect(() => db.cursor('select 1', [], { timeoutMs: 0 })).toThrow(RangeError)
  const cursor = db.cursor('select 1')
  await batches(cursor)
  await expect(batches(cursor)).rejects.toThrow(new TypeError('a cursor can be iterated once'))
})
