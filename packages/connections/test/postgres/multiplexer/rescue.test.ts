import { expect, test } from 'vitest'
import { Line } from '../../../src/postgres/multiplexer/line.ts'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import { inspect, repeatable } from '../../../src/postgres/multiplexer/rescue.ts'
import { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import type { QueryOptions } from '../../../src/postgres/options.ts'
import { format } from '../wire/conversation.ts'

interface How extends QueryOptions {
  readonly writes?: boolean
}

function lineOf(guarded: boolean, texts: readonly (string | [string, How])[]): Line {
  const line = new Line({} as never, guarded, { onAnswer: () => {}, onOverflow: () => {} })
  for (const one of texts) {
    const [text, { writes = false, ...options }] = typeof one === 'string' ? [one, {}] : one
    const profile = new Profile(text)
    for (let i = 0; i < 10; i++) profile.cost.completed(0.1)
    const statement = new Statement(
      profile,
      [],
      options,
      0,
      100,
      () => {},
      () => {},
    )
    statement.copies++
    line.push(new Sent(statement, line, format, 100, 0.1, false, false, writes))
  }
  return line
}

function texts(sent: readonly Sent[]): string[] {
  return sent.map(({ statement }) => statement.text)
}

test('one that is seen three times past the limit is stuck, and those behind it are to be sent elsewhere', () => {
  const line = lineOf(true, ['select 1', 'select 2', 'select 3'])
  expect(inspect(line, 105)).toEqual([])
  for (const now of [106, 107]) expect(inspect(line, now)).toEqual([])
  expect(line.seals).toBe(0)
  expect(texts(inspect(line, 108))).toEqual(['select 2', 'select 3'])
  expect(line.seals).toBe(1)
  expect(line.head).toMatchObject({ stuck: true })
  expect(inspect(line, 200)).toEqual([])
  expect(line.seals).toBe(1)
})

test('an event loop that stood still makes nothing stuck', () => {
  const line = lineOf(true, ['select 1', 'select 2'])
  expect(inspect(line, 5_000)).toEqual([])
  expect(line.head).toMatchObject({ stuck: false })
})

test('only what may be repeated, is not settled and has no second copy is sent elsewhere', () => {
  const line = lineOf(true, [
    'select 1',
    ['update t set a = 1', { writes: true }],
    'select pg_notify($1, $2)',
    ['update t set a = 2', { writes: true, idempotent: true }],
    'select settled',
    'select queued',
    'select twice',
    'select 2',
  ])
  const [settled, queued, twice] = [...line.sent].slice(4).map(({ statement }) => statement)
  settled!.settled = true
  queued!.queued = true
  twice!.copies = 2
  for (const now of [106, 107]) inspect(line, now)
  expect(texts(inspect(line, 108))).toEqual(['update t set a = 2', 'select 2'])
})

test('without the guard nobody knows what only reads', () => {
  const [plain, marked] = lineOf(false, ['select 1', ['select 1', { idempotent: true }]]).sent
  expect(repeatable(plain!)).toBe(false)
  expect(repeatable(marked!)).toBe(true)
})
