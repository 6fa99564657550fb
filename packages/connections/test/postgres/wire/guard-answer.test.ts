import { startPostgres } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { ask, connect, say, Told, type OpenWire } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())

async function connectGuarded(): Promise<OpenWire> {
  const wire = await connect({ connectionString: server.url })
  await ask(wire, 'create table if not exists guarded (n int)')
  wire.readOnly = true
  return wire
}

const write = 'insert into guarded values ($1)'

function sayWritable(wire: OpenWire): Told {
  const answer = new Told()
  wire.run(answer, write, [1], wire.prepared.of(write), wire.writable)
  return answer
}

test('on a connection that is to be read only the server refuses to write, until it is not', async () => {
  await using wire = await connectGuarded()
  await expect(ask(wire, write, [1])).rejects.toMatchObject({ code: '25006' })
  wire.readOnly = false
  expect(await ask(wire, write, [1])).toMatchObject({ rowCount: 1, command: 'INSERT' })
})

test('a statement made writable writes, and those around it in the pipeline do not', async () => {
  await using wire = await connectGuarded()
  const before = say(wire, write, [1])
  const writable = [sayWritable(wire), sayWritable(wire)]
  const after = say(wire, write, [1])
  wire.flush()
  await expect(before.outcome()).rejects.toMatchObject({ code: '25006' })
  for (const answer of writable) {
    expect(await answer.outcome()).toMatchObject({ rowCount: 1, command: 'INSERT' })
    expect(answer.tags).toEqual(['INSERT 0 1'])
  }
  await expect(after.outcome()).rejects.toMatchObject({ code: '25006' })
})

test('after the session was discarded the server is told anew', async () => {
  await using wire = await connectGuarded()
  await sayAndWait(wire)
  await ask(wire, 'discard all')
  wire.prepared.clear()
  await expect(ask(wire, write, [1])).rejects.toMatchObject({ code: '25006' })
  await sayAndWait(wire)
})

test('where the server does not take the guard the connection is lost', async () => {
  const wire = await connect({ connectionString: server.url })
  await ask(wire, 'begin')
  await expect(ask(wire, 'select 1 / 0')).rejects.toMatchObject({ code: '22012' })
  wire.readOnly = true
  await expect(ask(wire, 'select 1')).rejects.toMatchObject({ code: '25P02' })
  expect(wire.lostBy?.error).toMatchObject({ code: '25P02' })
  await wire.end()
})

async function sayAndWait(wire: OpenWire): Promise<void> {
  const answer = sayWritable(wire)
  wire.flush()
  expect(await answer.outcome()).toMatchObject({ rowCount: 1 })
}
