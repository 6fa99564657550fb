import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { expectNoneTwice, failures, load, terminate, watcher } from './load.ts'

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

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test('of a thousand reads after all idle connections were terminated, none fails', async () => {
  await using db = open({ name: 'idle', minSize: 10, maxSize: 10 })
  await db.warm()
  expect(await terminate(admin, 'idle')).toBe(10)
  const results = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => db.query('select v from points where id = $1', [i])),
  )
  expect(results.map(({ rows }) => rows)).toEqual(results.map((_, i) => [{ v: `p${i}` }]))
  expect(db.stats().failures).toBe(0)
})

test('of a thousand idempotent writes after the shared connections were terminated, none fails', async () => {
  await admin.query('create table marks (id int primary key, times int)')
  await using db = open({ name: 'idempotent' })
  const mark = (id: number): Promise<unknown> =>
    db.query('insert into marks values ($1, 1) on conflict (id) do update set times = 1', [id], {
      idempotent: true,
    })
  await Promise.all(Array.from({ length: 20 }, (_, i) => mark(i)))
  const calls = Array.from({ length: 1_000 }, (_, i) => mark(i))
  await terminate(admin, 'idempotent')
  await Promise.all(calls)
  expect((await admin.query('select count(*)::int as n from marks')).rows).toEqual([{ n: 1_000 }])
})

test('reads whose connections are terminated under them are run again', async () => {
  await using db = open({ name: 'reading' })
  const reading = load(48, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  for (let round = 0; round < 5; round++) {
    await reading.succeed(300)
    expect(await terminate(admin, 'reading')).toBeGreaterThan(0)
  }
  await reading.succeed(300)
  expect(failures(await reading.stop())).toEqual([])
})

test('slow reads whose connections are terminated under them are run again', async () => {
  await using db = open({ name: 'sleeping', maxSize: 4 })
  const sleeps = Array.from({ length: 12 }, (_, i) => db.query('select pg_sleep(0.3), $1::int as i', [i]))
  await vi.waitFor(() => expect(db.stats()).toMatchObject({ size: 4 }))
  await terminate(admin, 'sleeping')
  expect((await Promise.all(sleeps)).map(({ rows }) => rows[0]!['i'])).toEqual(sleeps.map((_, i) => i))
})

test('of writes whose connections are terminated under them, none runs twice and none is lost unsaid', async () => {
  await admin.query('create table written (call int)')
  await using db = open({ name: 'writing' })
  const reading = load(24, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  const writing = load(16, (i) => db.query('insert into written values ($1)', [i]))
  for (let round = 0; round < 6; round++) {
    await writing.succeed(100)
    expect(await terminate(admin, 'writing')).toBeGreaterThan(0)
  }
  await writing.succeed(100)
  const outcomes = await writing.stop()
  expect(failures(await reading.stop())).toEqual([])
  for (const { error } of failures(outcomes)) {
    expect(error).toMatchObject({ code: 'CONNECTIONS_LOST', mayHaveRun: true })
  }
  await expectNoneTwice(admin, 'written', outcomes)
})
