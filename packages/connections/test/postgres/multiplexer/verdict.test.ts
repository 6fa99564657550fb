import { expect, test } from 'vitest'
import { Line } from '../../../src/postgres/multiplexer/line.ts'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import { judge } from '../../../src/postgres/multiplexer/verdict.ts'
import type { QueryOptions } from '../../../src/postgres/options.ts'
import { DatabaseError } from '../../../src/postgres/wire/pg.ts'
import { format } from '../wire/conversation.ts'

interface How {
  readonly text?: string
  readonly guarded?: boolean
  readonly writes?: boolean
  readonly lost?: boolean
  readonly inTransaction?: boolean
  readonly options?: QueryOptions
}

/** What was answered on a connection of which only its state is asked. */
function answered(failure: object | undefined, how: How = {}): Sent {
  const { text = 'select 1', guarded = true, writes = false, lost = false, inTransaction = false } = how
  const wire = { lostBy: lost ? {} : undefined, inTransaction }
  const line = new Line({ wire, connectedAt: 0 } as never, guarded, {
    onAnswer: () => {},
    onOverflow: () => {},
  })
  const statement = new Statement(
    new Profile(text),
    undefined,
    how.options ?? {},
    0,
    0,
    () => {},
    () => {},
  )
  const sent = new Sent(statement, line, format, 1, 1, true, false, writes)
  if (failure !== undefined) sent.fail(failure)
  return sent
}

function refused(fields: { readonly code?: string; readonly routine?: string }): object {
  return Object.assign(new DatabaseError('no', 0, 'error'), fields)
}
const verdict = (failure: object | undefined, how?: How): string => judge(answered(failure, how), 10)

test('an answer without a failure is a result, unless it left the session changed', () => {
  expect(verdict(undefined)).toBe('result')
  expect(verdict(undefined, { inTransaction: true })).toBe('session')
})

test('a read that is lost runs again; a write does only when it may be repeated', () => {
  const loss = new Error('hung up')
  expect(verdict(loss, { lost: true })).toBe('again')
  expect(verdict(loss, { lost: true, writes: true })).toBe('failed')
  expect(verdict(loss, { lost: true, writes: true, options: { idempotent: true } })).toBe('again')
  expect(verdict(loss, { lost: true, guarded: false })).toBe('failed')
})

test('it runs again so often and no oftener: twice, and on each line that was open at the first loss', () => {
  const lines = 4
  let runs = 0
  const sent = answered(new Error('hung up'), { lost: true })
  while (judge(sent, lines) === 'again') {
    runs++
    sent.statement.lost(sent.line.openedAt, performance.now())
  }
  expect(runs).toBe(1 + lines)
})

test('what the guard refuses runs again as a write, but not what was said to write or is for a replica', () => {
  const refusal = refused({ code: '25006' })
  expect(verdict(refusal)).toBe('write')
  expect(verdict(refusal, { writes: true })).toBe('failed')
  expect(verdict(refusal, { guarded: false })).toBe('failed')
  expect(verdict(refusal, { options: { replica: true } })).toBe('failed')
})

test('one that is cut short unasked is its own failure; on a line that is interrupted it runs again', () => {
  const sent = answered(refused({ code: '57014' }))
  expect(judge(sent, 10)).toBe('failed')
  sent.line.interrupted = answered(undefined)
  expect(judge(sent, 10)).toBe('again')
})

test.for([
  ['again', { code: '26000' }],
  ['again', { code: '0A000', routine: 'RevalidateCachedQuery' }],
  ['own', { code: '25001' }],
  ['own', { code: '42601', routine: 'exec_parse_message' }],
  ['failed', { code: '42P01', routine: 'parserOpenTable' }],
] as const)('it is %s after %o', ([expected, fields]) => {
  expect(verdict(refused(fields))).toBe(expected)
})
