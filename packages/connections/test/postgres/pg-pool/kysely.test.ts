import { startPostgres } from '@code/testkit'
import {
  Kysely,
  PostgresDialect,
  sql,
  type ColumnType,
  type Generated,
  type PostgresPool as KyselyPool,
} from 'kysely'
import { Migrator, NO_MIGRATIONS, type Migration } from 'kysely/migration'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import { PgCursor, postgres, type PgPoolAdapter } from '../../../src/postgres.ts'

const server = await startPostgres()
afterAll(() => server.close())

interface Database {
  cities: {
    id: Generated<number>
    name: string
    people: ColumnType<string, bigint | undefined, bigint>
    founded: ColumnType<Date | null, Date | undefined, Date>
    doc: ColumnType<{ list: number[] } | null, string | undefined, string>
  }
}

interface Opened extends AsyncDisposable {
  readonly pool: PgPoolAdapter
  readonly db: Kysely<Database>
}

/** A pool with an empty table of cities. Destroying Kysely ends the pool. */
async function open(maxSize = 4): Promise<Opened> {
  const pool = postgres({ connectionString: server.url, maxSize }).open().asPgPool()
  await pool.query(`
    drop table if exists cities;
    create table cities (id serial primary key, name text unique, people int8 default 0, founded timestamptz,
      doc jsonb)`)
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool, cursor: PgCursor }) })
  await db.selectFrom('cities').select('id').execute()
  return { pool, db, [Symbol.asyncDispose]: () => db.destroy() }
}

test('it takes the pool without a cast', () => {
  expectTypeOf<PgPoolAdapter>().toExtend<KyselyPool>()
})

test('rows are inserted, changed, deleted and returned', async () => {
  await using opened = await open()
  const { db } = opened
  const founded = new Date('1048-01-01T00:00:00Z')
  const inserted = await db
    .insertInto('cities')
    .values({ name: 'Oslo', people: 9_007_199_254_740_993n, founded, doc: JSON.stringify({ list: [1] }) })
    .returningAll()
    .executeTakeFirstOrThrow()
  expect(inserted).toEqual({ id: 1, name: 'Oslo', people: '9007199254740993', founded, doc: { list: [1] } })
  const updated = await db.updateTable('cities').set({ people: 1n }).where('id', '=', 1).executeTakeFirst()
  expect(updated.numUpdatedRows).toBe(1n)
  expect(await db.selectFrom('cities').select(['name', 'people']).execute()).toEqual([
    { name: 'Oslo', people: '1' },
  ])
  expect((await db.deleteFrom('cities').executeTakeFirst()).numDeletedRows).toBe(1n)
})

test('a transaction is committed, or rolled back whole', async () => {
  await using opened = await open()
  const { db } = opened
  await db
    .transaction()
    .setIsolationLevel('serializable')
    .execute((tx) => tx.insertInto('cities').values({ name: 'Oslo' }).execute())
  const failure = new Error('no')
  const failed = db.transaction().execute(async (tx) => {
    await tx.insertInto('cities').values({ name: 'Bergen' }).execute()
    throw failure
  })
  await expect(failed).rejects.toBe(failure)
  expect(await db.selectFrom('cities').select('name').execute()).toEqual([{ name: 'Oslo' }])
})

test('a controlled transaction has savepoints', async () => {
  await using opened = await open()
  const tx = await opened.db.startTransaction().execute()
  await tx.insertInto('cities').values({ name: 'Oslo' }).execute()
  const after = await tx.savepoint('one').execute()
  await after.insertInto('cities').values({ name: 'Bergen' }).execute()
  await after.rollbackToSavepoint('one').execute()
  await tx.commit().execute()
  expect(await opened.db.selectFrom('cities').select('name').execute()).toEqual([{ name: 'Oslo' }])
})

test("the server's error comes as it is", async () => {
  await using opened = await open()
  const insert = (): Promise<unknown> => opened.db.insertInto('cities').values({ name: 'Oslo' }).execute()
  await insert()
  await expect(insert()).rejects.toMatchObject({ code: '23505', constraint: 'cities_name_key' })
})

test('its sql tag sends values as parameters', async () => {
  await using opened = await open()
  const { rows } = await sql<{ text: string; n: number }>`select ${"it's"}::text as text, 1 as n`.execute(
    opened.db,
  )
  expect(rows).toEqual([{ text: "it's", n: 1 }])
})

test('rows are streamed, also inside a transaction', async () => {
  await using opened = await open(1)
  const { db } = opened
  const read: number[] = []
  for await (const { n } of stream(db)) read.push(n)
  expect(read).toEqual(Array.from({ length: 250 }, (_, i) => i + 1))
  await db.transaction().execute(async (tx) => {
    for await (const { n } of stream(tx)) {
      if (n === 120) break
    }
    await tx.insertInto('cities').values({ name: 'Oslo' }).execute()
  })
  expect(await db.selectFrom('cities').select('name').execute()).toEqual([{ name: 'Oslo' }])
})

test('migrations run up and down', async () => {
  await using opened = await open()
  const migrations: Record<string, Migration> = {
    '1_lakes': {
      up: async (db) => {
        await db.schema.createTable('lakes').addColumn('name', 'text').execute()
        await sql`insert into lakes values ('Mjøsa'); alter table lakes add column depth int`.execute(db)
      },
      down: (db) => db.schema.dropTable('lakes').execute(),
    },
    '2_index': { up: (db) => db.schema.createIndex('lakes_name').on('lakes').column('name').execute() },
  }
  const provider = { getMigrations: () => Promise.resolve(migrations) }
  const migrator = new Migrator({ db: opened.db, provider })
  const { error, results } = await migrator.migrateToLatest()
  expect(error).toBeUndefined()
  expect(results?.map(({ status }) => status)).toEqual(['Success', 'Success'])
  expect((await sql`select * from lakes`.execute(opened.db)).rows).toEqual([{ name: 'Mjøsa', depth: null }])
  expect((await opened.db.introspection.getTables()).map(({ name }) => name)).toEqual(['cities', 'lakes'])
  expect((await migrator.migrateTo(NO_MIGRATIONS)).error).toBeUndefined()
  expect((await opened.db.introspection.getTables()).map(({ name }) => name)).toEqual(['cities'])
})

test('an aborted statement is interrupted, also when the pool has no other connection', async () => {
  await using opened = await open(1)
  const controller = new AbortController()
  const slow = sql`select pg_sleep(60) as slow_one`.execute(opened.db, {
    signal: controller.signal,
    inflightQueryAbortStrategy: 'cancel query',
  })
  const observer = postgres({ connectionString: server.url, maxSize: 1 }).open()
  const running = async (): Promise<number | null> =>
    (
      await observer.query(
        "select 1 from pg_stat_activity where query = 'select pg_sleep(60) as slow_one' and state = 'active'",
      )
    ).rowCount
  await vi.waitFor(async () => expect(await running()).toBe(1))
  // Kysely says on the console that the statement failed after its abort.
  using said = vi.spyOn(console, 'error').mockReturnValue()
  controller.abort(new Error('enough'))
  await expect(slow).rejects.toThrow('enough')
  await vi.waitFor(async () => expect(await running()).toBe(0))
  await vi.waitFor(() => expect(said).toHaveBeenCalled())
  await observer.close()
})

test('destroying it ends the pool', async () => {
  const { db, pool } = await open()
  await db.destroy()
  expect(pool.ended).toBe(true)
})

function stream(db: Kysely<Database>): AsyncIterable<{ n: number }> {
  return db
    .selectFrom(sql<{ n: number }>`generate_series(1, ${250}::int)`.as<'numbers'>(sql`numbers(n)`))
    .select('n')
    .stream(100)
}
