import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@code/testkit'
import { eq, relations, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import {
  bigint,
  customType,
  date,
  integer,
  jsonb,
  numeric,
  pgTable,
  serial,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import type { Pool } from 'pg'
import { afterAll, expect, expectTypeOf, test } from 'vitest'
import { postgres, type PgPoolAdapter, type PostgresPool } from '../../../src/postgres.ts'

const server = await startPostgres()
afterAll(() => server.close())

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

const cities = pgTable('cities', {
  id: serial().primaryKey(),
  name: text().notNull().unique(),
  people: bigint({ mode: 'bigint' }).notNull().default(0n),
})
const streets = pgTable('streets', {
  id: serial().primaryKey(),
  cityId: integer()
    .notNull()
    .references(() => cities.id),
  name: text().notNull(),
})
const schema = {
  cities,
  streets,
  cityRelations: relations(cities, ({ many }) => ({ streets: many(streets) })),
  streetRelations: relations(streets, ({ one }) => ({
    city: one(cities, { fields: [streets.cityId], references: [cities.id] }),
  })),
}
const things = pgTable('things', {
  at: timestamp({ withTimezone: true }),
  local: timestamp({ mode: 'string' }),
  day: date(),
  doc: jsonb().$type<{ list: number[] }>(),
  price: numeric(),
  tags: text().array(),
  raw: bytea(),
})

interface Opened extends AsyncDisposable {
  readonly pool: PostgresPool
  readonly db: NodePgDatabase<typeof schema> & { $client: PgPoolAdapter }
}

/** A pool with empty tables of the cities and their streets. */
async function open(maxSize = 4): Promise<Opened> {
  const pool = postgres({ connectionString: server.url, maxSize }).open()
  await pool.query(`
    drop table if exists streets, cities;
    create table cities (id serial primary key, name text not null unique, people int8 not null default 0);
    create table streets (id serial primary key, "cityId" int not null references cities, name text not null)`)
  const db = drizzle(pool.asPgPool(), { schema })
  return { pool, db, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() }
}

test('it takes the pool without a cast', async () => {
  await using opened = await open()
  expectTypeOf(drizzle(opened.pool.asPgPool()).$client).toEqualTypeOf<PgPoolAdapter>()
  expectTypeOf<PgPoolAdapter>().toExtend<Pool>()
})

test('rows are inserted, changed, deleted and returned', async () => {
  await using opened = await open()
  const { db } = opened
  const inserted = await db
    .insert(cities)
    .values([{ name: 'Oslo', people: 717_710n }, { name: 'Bergen' }])
    .returning()
  expect(inserted).toEqual([
    { id: 1, name: 'Oslo', people: 717_710n },
    { id: 2, name: 'Bergen', people: 0n },
  ])
  const changed = await db.update(cities).set({ people: 9_007_199_254_740_993n }).where(eq(cities.id, 2))
  expect(changed).toMatchObject({ command: 'UPDATE', rowCount: 1 })
  expect(await db.select({ people: cities.people }).from(cities).where(eq(cities.id, 2))).toEqual([
    { people: 9_007_199_254_740_993n },
  ])
  expect(await db.delete(cities).returning({ name: cities.name })).toHaveLength(2)
  expect(await db.$count(cities)).toBe(0)
})

test('every type comes back as it went', async () => {
  await using opened = await open()
  await opened.pool.query(`create table things (at timestamptz, local timestamp, day date, doc jsonb,
    price numeric, tags text[], raw bytea)`)
  const thing = {
    at: new Date('2026-02-03T04:05:06.789Z'),
    local: '2026-02-03 04:05:06.789',
    day: '2026-02-03',
    doc: { list: [1, 2] },
    price: '12345678901234567890.12',
    tags: ['a', 'b,c', '"'],
    raw: Buffer.from([0, 255]),
  }
  await opened.db.insert(things).values(thing)
  expect(await opened.db.select().from(things)).toEqual([thing])
})

test('joins and relations are read', async () => {
  await using opened = await open()
  const { db } = opened
  await db.insert(cities).values([{ name: 'Oslo' }, { name: 'Bergen' }])
  await db.insert(streets).values({ cityId: 1, name: 'Karl Johan' })
  expect(
    await db
      .select({ city: cities.name, street: streets.name })
      .from(cities)
      .leftJoin(streets, eq(streets.cityId, cities.id))
      .orderBy(cities.id),
  ).toEqual([
    { city: 'Oslo', street: 'Karl Johan' },
    { city: 'Bergen', street: null },
  ])
  expect(
    await db.query.cities.findMany({
      columns: { name: true },
      with: { streets: { columns: { name: true } } },
      orderBy: cities.id,
    }),
  ).toEqual([
    { name: 'Oslo', streets: [{ name: 'Karl Johan' }] },
    { name: 'Bergen', streets: [] },
  ])
})

test('prepared statements run under their names', async () => {
  await using opened = await open(1)
  const { db } = opened
  await db.insert(cities).values({ name: 'Oslo' })
  const byName = db
    .select({ id: cities.id })
    .from(cities)
    .where(eq(cities.name, sql.placeholder('name')))
    .prepare('city_by_name')
  expect(await byName.execute({ name: 'Oslo' })).toEqual([{ id: 1 }])
  expect(await byName.execute({ name: 'Nowhere' })).toEqual([])
  const { rows } = await db.execute(
    sql`select name from pg_prepared_statements where name = ${'city_by_name'}`,
  )
  expect(rows).toEqual([{ name: 'city_by_name' }])
})

test('a transaction is one connection: committed, or rolled back whole', async () => {
  await using opened = await open()
  const { db } = opened
  await db.transaction(
    async (tx) => {
      await tx.insert(cities).values({ name: 'Oslo' })
      expect(await db.$count(cities)).toBe(0)
    },
    { isolationLevel: 'serializable' },
  )
  const failure = new Error('no')
  const failed = db.transaction(async (tx) => {
    await tx.insert(cities).values({ name: 'Bergen' })
    throw failure
  })
  await expect(failed).rejects.toBe(failure)
  await expect(db.transaction((tx) => tx.rollback())).rejects.toThrow('Rollback')
  expect(await db.select({ name: cities.name }).from(cities)).toEqual([{ name: 'Oslo' }])
  expect(opened.pool.stats()).toMatchObject({ inUse: 0 })
})

test('a nested transaction is a savepoint', async () => {
  await using opened = await open()
  const { db } = opened
  await db.transaction(async (tx) => {
    await tx.insert(cities).values({ name: 'Oslo' })
    const inner = tx.transaction((nested) => nested.insert(cities).values({ name: 'Oslo' }))
    await expect(inner).rejects.toThrow('Failed query')
    await tx.insert(cities).values({ name: 'Bergen' })
  })
  expect(await db.$count(cities)).toBe(2)
})

test('a client works as well as the pool', async () => {
  await using opened = await open()
  const client = await opened.pool.asPgPool().connect()
  const db = drizzle(client)
  await db.transaction((tx) => tx.insert(cities).values({ name: 'Oslo' }))
  expect(await db.$count(cities)).toBe(1)
  client.release()
})

test("the server's error is the cause of what it throws", async () => {
  await using opened = await open()
  const { db } = opened
  await db.insert(cities).values({ name: 'Oslo' })
  await expect(db.insert(cities).values({ name: 'Oslo' })).rejects.toMatchObject({
    cause: { code: '23505', constraint: 'cities_name_key', detail: 'Key (name)=(Oslo) already exists.' },
  })
  await expect(db.insert(streets).values({ cityId: 9, name: 'x' })).rejects.toMatchObject({
    cause: { code: '23503' },
  })
})

test('text is executed raw, with its parameters', async () => {
  await using opened = await open()
  const { rows } = await opened.db.execute<{ at: string; n: number }>(
    sql`select ${new Date(0).toISOString()}::timestamptz at time zone 'utc' as at, 1 as n`,
  )
  expect(rows).toEqual([{ at: '1970-01-01 00:00:00', n: 1 }])
})

test('migrations run, each file with several statements, and only once', async () => {
  await using opened = await open()
  const folder = await mkdtemp(join(tmpdir(), 'drizzle-'))
  await mkdir(join(folder, 'meta'))
  const entries = [
    { idx: 0, version: '7', when: 1, tag: '0000_lakes', breakpoints: true },
    { idx: 1, version: '7', when: 2, tag: '0001_depth', breakpoints: true },
  ]
  const journal = { version: '7', dialect: 'postgresql', entries }
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify(journal))
  await writeFile(
    join(folder, '0000_lakes.sql'),
    "create table lakes (name text);\ninsert into lakes values ('Mjøsa');\n--> statement-breakpoint\nselect 1;",
  )
  await writeFile(join(folder, '0001_depth.sql'), 'alter table lakes add column depth int default 453;')
  await migrate(opened.db, { migrationsFolder: folder })
  await migrate(opened.db, { migrationsFolder: folder })
  await rm(folder, { recursive: true })
  expect((await opened.db.execute(sql`select * from lakes`)).rows).toEqual([{ name: 'Mjøsa', depth: 453 }])
})
