import { startPostgres } from '@code/testkit'
import { Client } from 'pg'
import { afterAll, expect, test } from 'vitest'
import { readError, readFields, serverError } from '../../../src/postgres/wire/server-error.ts'
import { ask, connect } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())

test.for([
  'select * from nowhere',
  'select from where',
  `select 'ä' || nothing`,
  'create table one (n int primary key); insert into one values (1), (1)',
  'create table two (n int not null check (n > 0)); insert into two values (-1)',
  `select 'x'::int`,
  `do $$ begin raise exception 'mine' using errcode = 'P0042', hint = 'do not', detail = 'so it is'; end $$`,
  `do $$ begin execute 'select 1 / 0'; end $$`,
])('an error has what pg gives it: %s', async (text) => {
  await using wire = await connect({ connectionString: server.url })
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const expected: unknown = await client.query(text).catch((error: unknown) => error)
  await client.end()
  const error: unknown = await ask(wire, text).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(Error)
  expect(serverError(error)).toBe(error)
  expect({ ...(error as object) }).toEqual(given(expected as object))
  expect((error as Error).message).toBe((expected as Error).message)
})

test('the severity is the one that does not depend on the language of the server', () => {
  const body = Buffer.from('SВАЖНО\0VFATAL\0C57P01\0Mдо свидания\0Xunknown\0\0')
  expect(readError(body, 0, body.length)).toMatchObject({
    severity: 'FATAL',
    code: '57P01',
    message: 'до свидания',
  })
})

test('an error may say nothing, and what does not end is refused', () => {
  expect(readError(Buffer.from('\0'), 0, 1).message).toBe('an error without a message')
  expect(readFields(Buffer.alloc(0), 0, 0)).toEqual({})
  expect(() => readFields(Buffer.from('Mhalf\0'), 0, 5)).toThrow('a text without an end')
})

test('an error of other making is none of the server', () => {
  expect(serverError(new Error('else'))).toBe(undefined)
  expect(serverError('text')).toBe(undefined)
})

/** Without the fields that pg names and the server did not send. */
function given(error: object): object {
  return Object.fromEntries(Object.entries(error).filter(([, value]) => value !== undefined))
}
