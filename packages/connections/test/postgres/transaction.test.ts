import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import {
  postgres,
  type PostgresOptions,
  type PostgresPool,
  type PostgresSession,
} from '../../src/postgres.ts'
import { listenTo } from '../messages.ts'

const server = await startPostgres()
const db = postgres({ connectionString: server.url, maxSize: 4 }).open()
afterAll(async () => {
  await db.close()
  await server.close()
})

const open = (options: PostgresOptions): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

async function createTable(name: string): Promise<void> {
  await db.query(`create table ${name} (id int primary key, n int)`)
  await db.query(`insert into ${name} values (1, 0), (2, 0)`)
}

const rowsOf = async (name: string): Promise<unknown[]> =>
  (await db.query(`select id, n from ${name} order by id`)).rows

test('a transaction is committed when its work resolves, with what it resolves to', async () => {
  await createTable('kept')
  const result = await db.transaction(async (tx) => {
    await tx.query('update kept set n = $1 where id = 1', [7])
    return 'done'
  })
  expect(result).toBe('done')
  expect(await rowsOf('kept')).toEqual([
    { id: 1, n: 7 },
    { id: 2, n: 0 },
  ])
})

test('it is rolled back when its work throws, and the error comes through unchanged', async () => {
  await createTable('undone')
  const mistake = new Error('changed my mind')
  const transaction = db.transaction(async (tx) => {
    await tx.query('update undone set n = 7')
    throw mistake
  })
  await expect(transaction).rejects.toBe(mistake)
  expect(await rowsOf('undone')).toEqual([
    { id: 1, n: 0 },
    { id: 2, n: 0 },
  ])
})

test('a statement that failed inside is not forgotten when the work swallows its error', async () => {
  await createTable('swallowed')
  const transaction = db.transaction(async (tx) => {
    await tx.query('update swallowed set n = 7')
    await tx.query('select 1 / 0').catch(() => {})
  })
  await expect(transaction).rejects.toMatchObject({ code: 'CONNECTIONS_ROLLED_BACK' })
  expect(await rowsOf('swallowed')).toEqual([
    { id: 1, n: 0 },
    { id: 2, n: 0 },
  ])
})

test('isolation and read only reach the server', async () => {
  const settings = await db.transaction(
    async (tx) =>
      (
        await tx.query(
          `select current_setting('transaction_isolation') as i, current_setting('transaction_read_only') as r`,
        )
      ).rows,
    { isolation: 'serializable', readOnly: true },
  )
  expect(settings).toEqual([{ i: 'serializable', r: 'on' }])
  const attack = { isolation: 'serializable; drop table kept' as 'serializable' }
  await expect(db.transaction(() => {}, attack)).rejects.toThrow(TypeError)
})

test('a serialization failure runs the work again, as often as retries allows', async () => {
  await createTable('contended')
  using listening = listenTo('code:connections:retry')
  let attempts = 0
  const bump = (retries: number): Promise<void> =>
    db.transaction(
      async (tx) => {
        attempts++
        const { rows } = await tx.query<{ n: number }>('select n from contended where id = 1')
        // Somebody else is faster, the first time.
        if (attempts === 1) await db.query('update contended set n = n + 10 where id = 1')
        await tx.query('update contended set n = $1 where id = 1', [rows[0]!.n + 1])
      },
      { isolation: 'repeatable read', retries },
    )
  await bump(1)
  expect(attempts).toBe(2)
  expect(await rowsOf('contended')).toEqual([
    { id: 1, n: 11 },
    { id: 2, n: 0 },
  ])
  expect(listening.messages).toEqual([{ pool: db.name, reason: '40001' }])

  attempts = 0
  await expect(bump(0)).rejects.toMatchObject({ code: 'CONNECTIONS_QUERY', sqlState: '40001' })
  expect(attempts).toBe(1)
})

test('a deadlock is resolved by running the victim again', async () => {
  await createTable('crossed')
  const locked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const cross = (mine: 0 | 1): Promise<void> =>
    db.transaction(
      async (tx) => {
        await tx.query('update crossed set n = n + 1 where id = $1', [mine + 1])
        locked[mine].resolve()
        await locked[mine === 0 ? 1 : 0].promise
        await tx.query('update crossed set n = n + 1 where id = $1', [mine === 0 ? 2 : 1])
      },
      { retries: 3 },
    )
  await Promise.all([cross(0), cross(1)])
  expect(await rowsOf('crossed')).toEqual([
    { id: 1, n: 2 },
    { id: 2, n: 2 },
  ])
})

test('its limit ends it in the middle of a statement, rolls it back and leaves the connection usable', async () => {
  await createTable('late')
  const transaction = db.transaction(
    async (tx) => {
      await tx.query('update late set n = 7')
      await tx.query('select pg_sleep(60)')
    },
    { timeoutMs: 100 },
  )
  await expect(transaction).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  await vi.waitFor(async () => {
    await db.query('update late set n = n + 1', undefined, { timeoutMs: 500 })
  })
  expect(await rowsOf('late')).toEqual([
    { id: 1, n: 1 },
    { id: 2, n: 1 },
  ])
})

test('its limit ends work that does not even talk to the server, and closes the session to it', async () => {
  let session: PostgresSession | undefined
  const transaction = db.transaction(
    (tx) => {
      session = tx
      return new Promise<never>(() => {})
    },
    { timeoutMs: 50 },
  )
  await expect(transaction).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  await expect(session?.query('select 1')).rejects.toThrow(TypeError)
})

test('an abort rejects with the reason of its signal and rolls back', async () => {
  await createTable('aborted')
  const controller = new AbortController()
  const transaction = db.transaction(
    async (tx) => {
      await tx.query('update aborted set n = 7')
      controller.abort('enough')
      await tx.query('select 1')
    },
    { signal: controller.signal },
  )
  await expect(transaction).rejects.toBe('enough')
  expect(await rowsOf('aborted')).toEqual([
    { id: 1, n: 0 },
    { id: 2, n: 0 },
  ])
  await expect(db.transaction(() => {}, { signal: controller.signal })).rejects.toBe('enough')
})

test('a server that falls silent during a transaction does not keep its caller', async () => {
  await using proxy = await startProxy(server)
  const { host, user, password, database } = server
  await using db = postgres({
    host,
    port: proxy.port,
    user,
    password,
    database,
    statementTimeoutMs: 100,
  }).open()
  const startedAt = performance.now()
  const transaction = db.transaction(async (tx) => {
    await tx.query('select 1')
    proxy.stall()
    await tx.query('select 2')
  })
  await expect(transaction).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  expect(performance.now() - startedAt).toBeLessThan(3000)
  proxy.resume()
})

test('the session ends with its transaction', async () => {
  const session = await db.transaction((tx) => tx)
  await expect(session.query('select 1')).rejects.toThrow('its lease or transaction is over')
})

test('a first statement whose value cannot be converted leaves the transaction its beginning', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('create table begun (n int)')
  const circular: { self?: unknown } = {}
  circular.self = circular
  const work = db.transaction(async (session) => {
    await expect(session.query('insert into begun values ($1)', [circular])).rejects.toThrow(TypeError)
    await session.query('insert into begun values ($1)', [1])
    throw new Error('not so')
  })
  await expect(work).rejects.toThrow('not so')
  const aborted = db.transaction(async (session) => {
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(session.query('insert into begun values (2)', undefined, { signal })).rejects.toThrow(
      'too late',
    )
    await session.query('insert into begun values (3)')
    throw new Error('not so')
  })
  await expect(aborted).rejects.toThrow('not so')
  expect((await db.query('select n from begun')).rows).toEqual([])
})

test('a connection that no longer knows its prepared BEGIN begins all the same', async () => {
  await using db = open({ maxSize: 1, multiplex: false })
  await db.query('create table unprepared (n int)')
  const insert = 'insert into unprepared values ($1)'
  await db.transaction((session) => session.query(insert, [1]))
  await db.query(`do $$ begin execute 'deallocate all'; end $$`)
  const work = db.transaction(async (session) => {
    await session.query(insert, [2])
    throw new Error('not so')
  })
  await expect(work).rejects.toThrow('not so')
  expect((await db.query('select n from unprepared')).rows).toEqual([{ n: 1 }])
})

test('what nobody awaits is part of the transaction, and what comes after its end is refused', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('create table unawaited (n int)')
  let late: PostgresSession | undefined
  await db.transaction((session) => {
    for (const n of [1, 2, 3]) void session.query('insert into unawaited values ($1)', [n])
    late = session
  })
  await expect(late!.query('insert into unawaited values (4)')).rejects.toThrow(TypeError)
  expect((await db.query('select n from unawaited order by n')).rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  const readOnly = db.transaction(
    (session) => void session.query('insert into unawaited values (5)').catch(() => {}),
    { readOnly: true },
  )
  await expect(readOnly).rejects.toMatchObject({ code: 'CONNECTIONS_ROLLED_BACK', sqlState: '25006' })
})

test('a limit that ends a transaction while it commits says that it may have run', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('create table committed (n int)')
  await db.query(`create function wait() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.5); return null; end $$`)
  await db.query(`create constraint trigger wait after insert on committed
    deferrable initially deferred for each row execute function wait()`)
  const ended = db.transaction((session) => session.query('insert into committed values ($1)', [1]), {
    timeoutMs: 200,
  })
  await expect(ended).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: true })
  const sleeping = db.transaction((session) => session.query('select pg_sleep(5)'), { timeoutMs: 50 })
  await expect(sleeping).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT', mayHaveRun: false })
})

test('rows of a copy cannot come from the connection that it takes', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('create table copied_from (n int)')
  const work = db.transaction((session) =>
    session.copyFrom(
      'copied_from',
      ['n'],
      session.cursor<[number]>('select 1', [], { rowMode: 'array' }).rows(),
    ),
  )
  await expect(work).rejects.toThrow('this connection takes rows by copyFrom')
})

test('what a text of several statements sets is discarded, whichever of them sets it', async () => {
  await using db = open({ maxSize: 1 })
  await db.transaction((session) => session.query(`set work_mem = '77MB'; select 1`))
  await db.transaction((session) => session.query(`do $$ begin execute 'set work_mem = ''78MB'''; end $$`))
  const { rows } = await db.query<{ work_mem: string }>('show work_mem')
  expect(rows).not.toEqual([{ work_mem: '77MB' }])
  expect(rows).not.toEqual([{ work_mem: '78MB' }])
})
