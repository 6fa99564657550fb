import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, watcher } from './load.ts'

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

/** Asks for so many points at once, and something else in between; each point must be the one asked for. */
async function between(db: PostgresPool, ask: () => Promise<unknown>): Promise<unknown> {
  const point = (id: number): Promise<unknown> => db.query('select v from points where id = $1', [id])
  // Known to be fast, they share a connection with what comes among them.
  for (let i = 0; i < 10; i++) await point(i)
  await Promise.allSettled([ask(), ask(), ask()])
  const before = Array.from({ length: 50 }, (_, i) => point(i))
  const asked = Promise.allSettled([ask(), ask(), ask()])
  const after = Array.from({ length: 50 }, (_, i) => point(i + 50))
  const results = await Promise.all([...before, ...after])
  expect(results).toMatchObject(results.map((_, i) => ({ rows: [{ v: `p${i}` }] })))
  const [one, ...others] = await asked
  for (const other of others) expect(other.status).toBe(one.status)
  return one.status === 'rejected' ? (one.reason as unknown) : one.value
}

test.for([
  ['a statement that fails when it runs', 'select 1 / $1::int', [0], '22012'],
  ['a statement that cannot be parsed', 'select from where $1', [0], '42601'],
  ['a statement on a table that is not there', 'select * from nowhere where id = $1', [0], '42P01'],
  ['a value that does not fit', 'select $1::int', ['none'], '22P02'],
  ['a value too few', 'select $1::int, $2::int', [1], '08P01'],
  ['a constraint that is broken', 'insert into points values ($1)', [1], '23505'],
] as const)('%s leaves its neighbours unharmed', async ([, text, values, sqlState]) => {
  await using db = open({ maxSize: 2 })
  expect(await between(db, () => db.query(text, values))).toMatchObject({
    code: 'CONNECTIONS_QUERY',
    sqlState,
  })
  expect(db.stats().destroyed).toBe(0)
})

test('a value whose conversion throws leaves its neighbours unharmed, and its text can be used again', async () => {
  await using db = open({ maxSize: 2 })
  const mistake = new Error('no text for this')
  const toPostgres = (): never => {
    throw mistake
  }
  expect(await between(db, () => db.query('select $1::text as t', [{ toPostgres }]))).toBe(mistake)
  expect((await db.query('select $1::text as t', ['good'])).rows).toEqual([{ t: 'good' }])
  expect(db.stats().destroyed).toBe(0)
})

test('a type parser that throws leaves its neighbours unharmed', async () => {
  await using db = open({ maxSize: 2 })
  const mistake = new Error('not that type')
  const types = {
    getTypeParser: () => () => {
      throw mistake
    },
  }
  expect(await between(db, () => db.query('select id from points where id < $1', [100], { types }))).toBe(
    mistake,
  )
  expect((await db.query('select id from points where id < $1', [1])).rows).toEqual([{ id: 0 }])
  expect(db.stats().destroyed).toBe(0)
})

test('a name that belongs to another statement leaves its neighbours unharmed', async () => {
  await using db = open({ maxSize: 1 })
  await db.query('select 1', [], { name: 'mine' })
  expect(await between(db, () => db.query('select 2', [], { name: 'mine' }))).toBeInstanceOf(TypeError)
})

test('a storm of notices leaves its neighbours unharmed, whatever its listener does', async () => {
  await admin.query(`create function storm() returns int language plpgsql stable as $$
    begin
      for i in 1..2000 loop raise notice 'drop %', i; end loop;
      return 7;
    end $$`)
  let heard = 0
  const onNotice = (): void => {
    heard++
    throw new Error('too many')
  }
  await using db = open({ maxSize: 2, onNotice })
  expect(await between(db, () => db.query('select storm() as n', []))).toMatchObject({ rows: [{ n: 7 }] })
  expect(heard).toBe(12_000)
})

test('a result over maxResultBytes leaves its neighbours unharmed', async () => {
  await using db = open({ maxSize: 2, maxResultBytes: 100_000 })
  const ask = (): Promise<unknown> =>
    db.query(`select repeat('x', 1000) from generate_series(1, $1::int)`, [50_000])
  expect(await between(db, ask)).toMatchObject({ code: 'CONNECTIONS_RESULT_TOO_LARGE' })
})

test('one row of 100 MB over the limit is passed over, and its neighbours are unharmed', async () => {
  await using db = open({ maxSize: 2, maxResultBytes: 1_000_000 })
  const failure = failureOf(db.query(`select repeat('x', 100000000)`))
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, i) => db.query('select v from points where id = $1', [i])),
  )
  expect(results.map(({ rows }) => rows)).toEqual(results.map((_, i) => [{ v: `p${i}` }]))
  expect(await failure).toMatchObject({ code: 'CONNECTIONS_RESULT_TOO_LARGE' })
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
})

test('a row of 100 MB within the limit arrives', async () => {
  await using db = open({ maxSize: 2 })
  const { rows } = await db.query<{ text: string }>(`select repeat('x', 100000000) as text`)
  expect(rows[0]!.text).toHaveLength(100_000_000)
})
