import { once } from 'node:events'
import { startPostgres } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import {
  PgCursor,
  postgres,
  type PgClientAdapter,
  type PostgresOptions,
  type PostgresPool,
} from '../../../src/postgres.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test('a cursor is read as that of pg-cursor', async () => {
  await using db = open({ maxSize: 1 })
  const client = await db.asPgPool().connect()
  const cursor = client.query(new PgCursor<{ n: number }>('select n from generate_series(1, $1::int) n', [9]))
  expect((await cursor.read(2)).map(({ n }) => n)).toEqual([1, 2])
  expect((await cursor.read(5)).map(({ n }) => n)).toEqual([3, 4, 5, 6, 7])
  await cursor.close()
  expect(() => client.query(cursor)).toThrow('this cursor has been started already')
  const broken = client.query(new PgCursor('select 1 / $1::int as n', [0]))
  await expect(broken.read(1)).rejects.toMatchObject({ name: 'error', code: '22012' })
  expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  client.release()
})

test('a client keeps its connection until its release', async () => {
  await using db = open()
  const pool = db.asPgPool()
  const client = await pool.connect()
  const pid = 'select pg_backend_pid() as pid'
  expect((await client.query<{ pid: number }>(pid)).rows).toEqual([{ pid: client.processID }])
  expect((await client.query<{ pid: number }>(pid)).rows).toEqual([{ pid: client.processID }])
  client.release()
  await expect(client.query('select 1')).rejects.toThrow('this client has been released')
  expect(() => client.release()).toThrow('this client has been released already')
})

test('what was asked of a client before its release is still done', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  await pool.query('create table unawaited (n int)')
  const client = await pool.connect()
  const asked = [
    client.query('begin'),
    client.query('insert into unawaited values ($1)', [1]),
    client.query('commit'),
  ]
  client.release()
  expect((await pool.query('select n from unawaited')).rows).toEqual([{ n: 1 }])
  await Promise.all(asked)
})

test('a transaction left open is rolled back, and what was set is forgotten', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  const client = await pool.connect()
  await client.query('begin')
  await client.query('create table never (n int)')
  await client.query("set application_name = 'changed'")
  client.release()
  const next = await pool.connect()
  expect((await next.query("select to_regclass('never') as t")).rows).toEqual([{ t: null }])
  expect((await next.query('show application_name')).rows).not.toEqual([{ application_name: 'changed' }])
  next.release()
})

test('a client released with an error is hung up, and its statement stopped', async () => {
  await using db = open({ maxSize: 2 })
  const pool = db.asPgPool()
  const removed = vi.fn<(client: PgClientAdapter) => void>()
  pool.on('remove', removed)
  for (const error of [true, new Error('broken')]) {
    const client = await pool.connect()
    const stuck = client.query('select pg_sleep(60)').catch((reason: unknown) => reason)
    client.release(error)
    expect(await stuck).toMatchObject({ code: 'CONNECTIONS_LOST' })
    await vi.waitFor(async () => {
      const alive = 'select 1 from pg_stat_activity where pid = $1'
      expect((await pool.query(alive, [client.processID])).rows).toEqual([])
    })
    expect(removed).toHaveBeenLastCalledWith(client)
  }
  expect(removed).toHaveBeenCalledTimes(2)
})

test('what a listener of connect sets is there in every session', async () => {
  await using db = open({ maxSize: 1 })
  const pool = db.asPgPool()
  pool.on('connect', (client: PgClientAdapter) => void client.query("set time zone 'Asia/Tokyo'"))
  for (let i = 0; i < 2; i++) {
    const client = await pool.connect()
    expect((await client.query('show time zone')).rows).toEqual([{ TimeZone: 'Asia/Tokyo' }])
    client.release()
  }
})

test('a client hears what its channel is told', async () => {
  await using db = open()
  const pool = db.asPgPool()
  const client = await pool.connect()
  await client.query(`listen ${client.escapeIdentifier('the news')}`)
  const heard = once(client, 'notification')
  await pool.query("select pg_notify('the news', 'rain')")
  expect(await heard).toEqual([
    { channel: 'the news', payload: 'rain', processId: expect.any(Number) as unknown },
  ])
  client.release()
})

test('a lost connection is told to who listens, and ends no process', async () => {
  await using db = open()
  const pool = db.asPgPool()
  const kill = ({ processID }: PgClientAdapter): Promise<unknown> =>
    pool.query('select pg_terminate_backend($1)', [processID])
  const quiet = await pool.connect()
  await Promise.all([new Promise((resolve) => quiet.on('end', () => resolve(undefined))), kill(quiet)])
  await expect(quiet.query('select 1')).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  quiet.release()
  const loud = await pool.connect()
  const heard = new Promise((resolve) => loud.on('error', resolve))
  await kill(loud)
  expect(await heard).toMatchObject({ code: '57P01' })
  loud.release()
  expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})
