import { startPostgres } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { leavesState } from '../../src/postgres/session-state.ts'
import { connect, say } from './wire/conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())

test.for([
  `set work_mem = '8MB'`,
  `/* a comment */ set local work_mem = '8MB'`,
  'reset all',
  'listen news',
  'prepare p as select 1',
  'declare c cursor with hold for select 1',
  'discard temp',
  `load 'plpgsql'`,
  'create temp table t1 (n int)',
  'create /* for now */ temporary table t2 (n int)',
  'create local temp table t3 (n int)',
  'create table pg_temp.t4 (n int)',
  'create or replace temporary view t5 as select 1 as n',
  'create temp table t6 as select 1 as n',
  'select 1 as n into temp t7',
  `select set_config('work_mem', '8MB', false)`,
  'select pg_advisory_lock(1)',
  'select pg_catalog."pg_try_advisory_lock_shared" (2)',
  `with s as (select set_config('work_mem', '8MB', false)) select * from s`,
  `insert into lasting select 1 where set_config('work_mem', '8MB', false) <> ''`,
  `update lasting set n = 1 where pg_try_advisory_lock(3)`,
  `explain analyze select set_config('work_mem', '8MB', false)`,
  `do $$ begin set work_mem = '8MB'; end $$`,
  `set work_mem = '8MB'; select 1`,
  `begin; set local work_mem = '8MB'; commit; set work_mem = '16MB'`,
  'deallocate all; select 1',
])('leaves state: %s', async (text) => {
  expect(await leaves(text)).toBe(true)
})

test.for([
  'select 1 as temp',
  'select n as temporary, 2 as local from lasting',
  `set local work_mem = '8MB'`,
  'set transaction read only',
  'set constraints all deferred',
  'update lasting set n = n + 1',
  'insert into lasting values (1)',
  'delete from lasting',
  'create table if not exists other (temp int)',
  'select pg_advisory_xact_lock(1)',
  'notify news',
  'show all',
  'vacuum lasting',
  'lock table lasting; select 1',
  `select 'pg_advisory_lock'`,
])('leaves nothing: %s', async (text) => {
  expect(await leaves(text)).toBe(false)
})

/** Judges a text by what the server really says of it. */
async function leaves(text: string): Promise<boolean> {
  await using wire = await connect({ connectionString: server.url })
  const created = say(wire, 'create table if not exists lasting (n int)')
  const answer = say(wire, text)
  wire.flush()
  await created.outcome()
  await answer.outcome()
  return answer.tags.some((tag) => leavesState(tag, text))
}
