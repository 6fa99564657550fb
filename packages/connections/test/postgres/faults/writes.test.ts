import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failures, load, terminate, watcher } from './load.ts'

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

/** An empty table of calls. */
async function emptied(table: string): Promise<void> {
  await admin.query(`drop table if exists ${table} cascade`)
  await admin.query(`create table ${table} (call int)`)
}

async function callsIn(table: string): Promise<readonly number[]> {
  const { rows } = await admin.query<{ call: number }>(`select call from ${table} order by call`)
  return rows.map(({ call }) => call)
}

test.for([
  ['a CTE', 'with w as (insert into hidden values ($1::int) returning call) select call from w'],
  ['a function', 'select writes($1::int)'],
  ['a function in a VALUES', 'values (writes($1::int))'],
  ['a SELECT FOR UPDATE beside a function', 'select writes($1::int) from points where id = 1 for update'],
] as const)('a write hidden in %s is learned, and each call writes exactly once', async ([, text]) => {
  await emptied('hidden')
  await admin.query(`create or replace function writes(call int) returns int language sql as
    $$ insert into hidden values (call) returning call $$`)
  await using db = open({ maxSize: 4 })
  await Promise.all(Array.from({ length: 50 }, (_, i) => db.query(text, [i])))
  expect(await callsIn('hidden')).toEqual(Array.from({ length: 50 }, (_, i) => i))
  expect(db.stats().failures).toBe(0)
})

test('a function that reads as a rule and writes now and then writes exactly once', async () => {
  await emptied('seldom')
  await admin.query(`create or replace function seldom(call int) returns int language plpgsql as $$
    begin
      if call % 7 = 3 then insert into seldom values (call); end if;
      return call;
    end $$`)
  await using db = open({ maxSize: 4 })
  const ask = (call: number): Promise<unknown> => db.query('select seldom($1::int)', [call])
  // Known as a fast read, so that many are under way when the first of them writes.
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 30 }, () => ask(0)))
  const calls = Array.from({ length: 200 }, (_, i) => i)
  const results = await Promise.all(calls.map(ask))
  expect(results).toMatchObject(calls.map((seldom) => ({ rows: [{ seldom }] })))
  expect(await callsIn('seldom')).toEqual(calls.filter((call) => call % 7 === 3))
})

test('a sequence is drawn from once for each call', async () => {
  await admin.query('create sequence numbers')
  await using db = open({ maxSize: 4 })
  const results = await Promise.all(
    Array.from({ length: 100 }, () => db.query<{ n: number }>(`select nextval('numbers')::int as n`)),
  )
  const drawn = results.map(({ rows }) => rows[0]!.n).toSorted((a, b) => a - b)
  expect(drawn).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
})

test('hidden writes whose connections are terminated under them are never done twice', async () => {
  await emptied('hidden')
  await admin.query(`create or replace function writes(call int) returns int language sql as
    $$ insert into hidden values (call) returning call $$`)
  await using db = open({ name: 'hiding', maxSize: 4 })
  const writing = load(32, (call) => db.query('select writes($1::int)', [call]))
  for (let round = 0; round < 5; round++) {
    await writing.succeed(50)
    await terminate(admin, 'hiding')
  }
  await writing.succeed(50)
  const outcomes = await writing.stop()
  const calls = await callsIn('hidden')
  expect(new Set(calls).size).toBe(calls.length)
  const written = new Set(calls)
  const failed = failures(outcomes)
  for (const { error } of failed) expect(error).toMatchObject({ code: 'CONNECTIONS_LOST', mayHaveRun: true })
  expect(outcomes.filter(({ call, error }) => error === undefined && !written.has(call))).toEqual([])
})

test('prepared statements that somebody deallocates under load cost no failure', async () => {
  await using db = open({ name: 'deallocated', maxSize: 3 })
  const reading = load(48, (i) => db.query('select v from points where id = $1', [i % 1_000]))
  for (let round = 0; round < 5; round++) {
    await reading.succeed(200)
    await db.query('deallocate all').catch(() => {})
    await db.query('/* by hand */ select 1; deallocate all')
  }
  await reading.succeed(500)
  expect(failures(await reading.stop())).toEqual([])
})

test('a table that is altered under load costs no failure', async () => {
  await admin.query('create table changing (id int primary key, v text)')
  await admin.query(`insert into changing select i, 'c' || i from generate_series(0, 99) i`)
  await using db = open({ maxSize: 6 })
  const fast = load(32, (i) => db.query('select * from changing where id = $1', [i % 100]))
  const slow = load(6, (i) => db.query('select *, pg_sleep(0.003) from changing where id = $1', [i % 100]))
  const writing = load(4, (i) =>
    db.query('insert into changing (id, v) values ($1, $2) returning *', [1_000 + i, 'w']),
  )
  for (let round = 0; round < 8; round++) {
    await Promise.all([fast.succeed(100), slow.succeed(12), writing.succeed(10)])
    await admin.query(`alter table changing add column extra_${round} int default ${round}`)
  }
  await Promise.all([fast.succeed(100), slow.succeed(12), writing.succeed(10)])
  for (const each of [fast, slow, writing]) expect(failures(await each.stop())).toEqual([])
})
