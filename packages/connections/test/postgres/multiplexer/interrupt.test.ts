import { startPostgres } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { PostgresClient } from '../../../src/postgres/client.ts'
import { interrupt, interruptAnswered } from '../../../src/postgres/multiplexer/interrupt.ts'
import { Line } from '../../../src/postgres/multiplexer/line.ts'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import { StatementLog } from '../../../src/postgres/statement-log.ts'
import { connect, format, type OpenWire } from '../wire/conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())

function lineOn(wire: OpenWire): Line {
  const settings = {
    pool: 'test',
    statementTimeoutMs: 30_000,
    maxResultBytes: 1_000_000,
    maxPrepared: 256,
    log: new StatementLog('test', 1_000),
  }
  return new Line(new PostgresClient(wire, settings), true, {
    onAnswer: (sent) => interruptAnswered(sent.line, sent),
    onOverflow: () => {},
  })
}

function send(line: Line, text: string): Sent {
  const statement = new Statement(
    new Profile(text),
    [],
    {},
    0,
    0,
    () => {},
    () => {},
  )
  const sent = new Sent(statement, line, format, performance.now(), 0.1, false, false, false)
  line.client.wire.run(sent, text, [], undefined)
  line.client.wire.flush()
  line.push(sent)
  return sent
}

test('the head is cut short, those behind it run, and the line is open again', async () => {
  await using wire = await connect({ connectionString: server.url })
  const line = lineOn(wire)
  const head = send(line, 'select pg_sleep(60)')
  const next = send(line, 'select 1 as n')
  interrupt(line)
  expect(line).toMatchObject({ seals: 1, interrupted: head })
  interrupt(line)
  expect(line.seals).toBe(1)
  await vi.waitFor(() => expect(line.inFlight).toBe(0), 5_000)
  expect(head.failure?.error).toMatchObject({ code: '57014' })
  expect(next.result()).toMatchObject({ rows: [{ n: 1 }] })
  await vi.waitFor(() => expect(line).toMatchObject({ seals: 0, interrupted: undefined, leaving: undefined }))
})

test('when the head ends by itself the line is left: the interrupt may hit whoever is next', async () => {
  await using wire = await connect({ connectionString: server.url })
  const line = lineOn(wire)
  const head = send(line, 'select 1 as n')
  // It has been answered when the interrupt is asked for, as far as the server knows.
  line.interrupted = head
  line.seals++
  await vi.waitFor(() => expect(line.inFlight).toBe(0))
  expect(line).toMatchObject({ leaving: 'broken' })
  expect(line.seals).toBeGreaterThan(0)
})

test('a line with nothing under way is not interrupted', async () => {
  await using wire = await connect({ connectionString: server.url })
  const line = lineOn(wire)
  interrupt(line)
  expect(line).toMatchObject({ seals: 0, interrupted: undefined })
})
