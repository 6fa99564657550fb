import { startPostgres } from '@code/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'
import { failureOf, failures, load, watcher } from './load.ts'

const server = await startPostgres()
const admin = watcher(server.url)
beforeAll(async () => {
  await admin.query(`create function sets_zone() returns text language sql as
    $$ select set_config('TimeZone', 'Asia/Tokyo', false) $$`)
  await admin.query(`create function drops_guard() returns text language sql as
    $$ select set_config('default_transaction_read_only', 'off', false) $$`)
})
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

const settings = `select current_setting('TimeZone') as zone, current_setting('search_path') as path,
  current_setting('statement_timeout') as timeout, current_setting('application_name') as name,
  (select count(*)::int from pg_listening_channels()) as channels,
  (select count(*)::int from pg_class where relnamespace = pg_my_temp_schema()) as temporary,
  (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  pg_current_xact_id_if_assigned()::text as transaction`

test.for([
  'begin',
  'BEGIN ISOLATION LEVEL SERIALIZABLE',
  'start transaction',
  '/* in all modesty */ begin',
  '-- first\n  begin',
  `set statement_timeout = '1ms'`,
  '/**/ set search_path = pg_catalog',
  'reset all',
  'listen gossip',
  'create temp table mine (n int)',
  'CREATE TABLE pg_temp.mine (n int)',
  'create /* my */ temporary table mine as select 1',
  'select 1 as n into temp mine',
  `select set_config('TimeZone', 'Asia/Tokyo', false)`,
  `with a as (select set_config('search_path', 'pg_catalog', false)) select * from a`,
  'select pg_advisory_lock(1)',
  'select sets_zone()',
  'prepare mine as select 1',
  'declare mine cursor with hold for select 1',
  'discard all',
])(
  '%j as a single statement is refused or its connection given up, and no neighbour feels it',
  async (text) => {
    await using db = open({ name: 'shared', maxSize: 3 })
    const clean = (await db.query(settings)).rows
    const reading = load(16, async () => expect((await db.query(settings)).rows).toEqual(clean))
    await reading.succeed(100)
    for (let time = 0; time < 3; time++) {
      expect(await failureOf(db.query(text))).toMatchObject({ code: 'CONNECTIONS_SESSION_STATE' })
      await reading.succeed(50)
    }
    expect(failures(await reading.stop())).toEqual([])
  },
)

test('a statement that is refused for its first word has not run, one that was caught afterwards may have', async () => {
  await using db = open()
  expect(await failureOf(db.query('listen gossip'))).toMatchObject({ mayHaveRun: false })
  expect(await failureOf(db.query(`select set_config('TimeZone', 'Asia/Tokyo', false)`))).toMatchObject({
    mayHaveRun: true,
  })
})

test('a nested comment, which the eye skips, hides no begin from it', async () => {
  await using db = open({ maxSize: 2 })
  const clean = (await db.query(settings)).rows
  await db.query('/* /* */ */ begin').catch(() => {})
  await Promise.all(
    Array.from({ length: 20 }, async () => expect((await db.query(settings)).rows).toEqual(clean)),
  )
})

test('a function that switches the guard off is caught, and nothing is written twice for it', async () => {
  await using db = open({ maxSize: 2 })
  expect(await failureOf(db.query('select drops_guard()'))).toMatchObject({
    code: 'CONNECTIONS_SESSION_STATE',
    mayHaveRun: true,
  })
  const { rows } = await db.query(`select current_setting('default_transaction_read_only') as guard`)
  expect(rows).toEqual([{ guard: 'on' }])
})

test('what belongs to a transaction may be set in it, and in a connection of one own', async () => {
  await using db = open({ maxSize: 2 })
  await db.transaction(async (tx) => {
    await tx.query(`set local search_path = pg_catalog`)
    await tx.query('create temp table mine (n int) on commit drop')
  })
  await using lease = await db.getConnection()
  await lease.connection.query('create temp table mine (n int)')
  await lease.connection.query('insert into mine values (1)')
  expect((await lease.connection.query('select * from mine')).rows).toEqual([{ n: 1 }])
})

test('what is only called temp is no temporary table', async () => {
  await using db = open({ maxSize: 2 })
  await db.query('create table temp (temp int)')
  await db.query('create index temp_index on temp (temp)')
  await db.query('create view temporary_view as select temp from temp')
  await db.query(`create function makes() returns void language sql as $$ create temp table t (n int) $$`)
  await db.query('insert into temp values (1)')
  expect((await db.query('select temp from temporary_view')).rows).toEqual([{ temp: 1 }])
})
