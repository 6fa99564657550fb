import { expect, test } from 'vitest'
import { hasSideEffects, kindOf } from '../../../src/postgres/multiplexer/text-kind.ts'

test.for([
  ['select 1', 'shared'],
  ['  /* a */ -- b\n SELECT 1', 'shared'],
  ['(select 1) union (select 2)', 'shared'],
  ['with a as (select 1) table a', 'shared'],
  ['values (1)', 'shared'],
  ['insert into t values (1)', 'write'],
  ['update t set a = 1;', 'write'],
  ['merge into t using s on true when matched then delete', 'write'],
  ['select 1; select 2', 'own'],
  ['create table t (temp int)', 'own'],
  ['create table temporal (a int)', 'own'],
  ['vacuum', 'own'],
  ['call f()', 'own'],
  ['', 'own'],
  ['/* /* nested */ */ begin', 'own'],
  ['begin', 'session'],
  ['/* so */ set a = 1', 'session'],
  ['listen a', 'session'],
  ['create temp table t (a int)', 'session'],
  ['create or replace temporary view v as select 1', 'session'],
  ['create /* here */ temp table t (a int)', 'session'],
] as const)('%s is %s', ([text, kind]) => {
  expect(kindOf(text)).toBe(kind)
})

test.for([
  ['nothing', ''],
  ['a digit', '1'],
  ['a quote', '"t"'],
] as const)('a long beginning that ends in %s is judged at once', ([, end]) => {
  for (const beginning of ['\n   ', '(', '-- a\n', '/* a */ ', '/**/', '--', ';']) {
    expect(kindOf(beginning.repeat(2_000) + end)).toBe('own')
    expect(kindOf(`create ${beginning.repeat(2_000)}${end}`)).not.toBe('shared')
  }
})

test.for([
  ['select pg_notify($1, $2)', true],
  ['select pg_catalog.pg_try_advisory_xact_lock (1)', true],
  ['select set_config($1, $2, true)', true],
  ['select lo_create(0)', true],
  ['select hello_world(1), dblinked, pg_notify', false],
  ['select 1', false],
] as const)('%s has side effects: %s', ([text, has]) => {
  expect(hasSideEffects(text)).toBe(has)
})
