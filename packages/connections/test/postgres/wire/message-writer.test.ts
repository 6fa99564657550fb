import { Writable } from 'node:stream'
import { Connection } from 'pg'
import { expect, test } from 'vitest'
import { MessageWriter } from '../../../src/postgres/wire/message-writer.ts'
import { prepareValue } from '../../../src/postgres/wire/pg.ts'
import { parametersOf } from '../../../src/postgres/wire/parameters.ts'
import { seeded } from './conversation.ts'

/** What pg writes for the same, which it sends to whatever stream it has. */
interface Oracle {
  query(text: string): void
  parse(statement: { name: string; text: string; types: number[] }): void
  bind(portal: { portal: string; statement: string; values: unknown[]; valueMapper?: unknown }): void
  describe(what: { type: 'S' | 'P'; name: string }): void
  execute(portal: { portal: string; rows: number }): void
  close(what: { type: 'S' | 'P'; name: string }): void
  sync(): void
  sendCopyFail(message: string): void
  endCopyFrom(): void
}

/** What pg is made to write, as one piece. */
function written(ask: (oracle: Oracle) => void): Buffer {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(shortened(chunk))
      done()
    },
  })
  ask(new Connection({ stream } as never) as unknown as Oracle)
  return Buffer.concat(chunks)
}

/** A Bind of pg's asks for text in each column by four bytes, ours by two. */
function shortened(message: Buffer): Buffer {
  if (message[0] !== 'B'.charCodeAt(0)) return message
  expect([...message.subarray(-4)]).toEqual([0, 1, 0, 0])
  const short = Buffer.concat([message.subarray(0, -4), Buffer.from([0, 0])])
  short.writeInt32BE(short.length - 1, 1)
  return short
}

/** What we write. */
function ours(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter()
  write(writer)
  const { length } = writer
  const taken = writer.take()
  expect([taken.length, writer.length]).toEqual([length, 0])
  return taken
}

const texts = [
  '',
  'select 1',
  'ä',
  '𝒳 and more',
  'x'.repeat(31),
  'x'.repeat(33),
  `${'x'.repeat(31)}ß`,
  'é'.repeat(50_000),
]

test.for(texts)('texts are written as pg writes them: %.10s', (text) => {
  const mine = ours((writer) => {
    writer.query(text)
    writer.parse('', text)
    writer.parse(text.slice(0, 15), text)
    writer.copyFail(text)
  })
  const expected = written((oracle) => {
    oracle.query(text)
    oracle.parse({ name: '', text, types: [] })
    oracle.parse({ name: text.slice(0, 15), text, types: [] })
    oracle.sendCopyFail(text)
  })
  expect(mine.toString('latin1')).toBe(expected.toString('latin1'))
})

test('the other messages are written as pg writes them', () => {
  const mine = ours((writer) => {
    writer.describeStatement('s')
    writer.describePortal('p')
    writer.execute('p', 0)
    writer.execute('', 2 ** 31 - 1)
    writer.closeStatement('s')
    writer.closePortal('p')
    writer.sync()
    writer.copyDone()
  })
  const expected = written((oracle) => {
    oracle.describe({ type: 'S', name: 's' })
    oracle.describe({ type: 'P', name: 'p' })
    oracle.execute({ portal: 'p', rows: 0 })
    oracle.execute({ portal: '', rows: 2 ** 31 - 1 })
    oracle.close({ type: 'S', name: 's' })
    oracle.close({ type: 'P', name: 'p' })
    oracle.sync()
    oracle.endCopyFrom()
  })
  expect(mine.toString('latin1')).toBe(expected.toString('latin1'))
  const writer = new MessageWriter()
  writer.terminate()
  expect([...writer.take()]).toEqual([88, 0, 0, 0, 4])
})

test('values are written as pg writes them', () => {
  const values = [
    null,
    undefined,
    '',
    'text',
    'ä'.repeat(1_000),
    'a\0b',
    0,
    -0,
    -1.5,
    1e300,
    Number.NaN,
    12n,
    true,
    false,
    new Date(0),
    Buffer.from([0, 1, 255]),
    new Uint8Array([1, 2]),
    new Uint16Array([258]),
    Buffer.alloc(0),
    [1, null, ['a"b', '\\']],
    { a: [1, 'ß'] },
    { toPostgres: () => [1, 2] },
    { toJSON: () => undefined },
  ]
  const mapped = values.map((value) => prepareValue(value))
  const mine = ours((writer) => {
    writer.bind('', '', [])
    writer.bind('p', 's', parametersOf(values))
    for (const value of values) writer.bind('', 's', parametersOf([value]))
  })
  const expected = written((oracle) => {
    oracle.bind({ portal: '', statement: '', values: [] })
    oracle.bind({ portal: 'p', statement: 's', values: mapped })
    for (const value of mapped) oracle.bind({ portal: '', statement: 's', values: [value] })
  })
  expect(mine.toString('latin1')).toBe(expected.toString('latin1'))
})

test('any order of messages of any size is written as pg writes it', () => {
  const seed = Date.now() | 0
  const random = seeded(seed)
  const writer = new MessageWriter()
  for (let round = 0; round < 30; round++) {
    const said = Array.from({ length: 20 }, (_, i) => 'aß€'[i % 3]!.repeat(10 ** (random() * 5)))
    const expected = written((oracle) => {
      for (const text of said) {
        oracle.parse({ name: 'name', text, types: [] })
        oracle.bind({ portal: '', statement: 'name', values: [text, '1'] })
      }
    })
    for (const text of said) {
      writer.parse('name', text)
      writer.bind('', 'name', [text, 1])
    }
    expect(writer.take().equals(expected), `seed ${seed}, round ${round}`).toBe(true)
  }
})

test('what is truncated is not sent', () => {
  const writer = new MessageWriter()
  writer.sync()
  const { length } = writer
  writer.query('x'.repeat(100_000))
  writer.truncate(length)
  writer.sync()
  expect([...writer.take()]).toEqual([83, 0, 0, 0, 4, 83, 0, 0, 0, 4])
})

test('what was taken stays as it is while more is written', () => {
  const writer = new MessageWriter()
  for (const size of [10, 1_000_000]) {
    writer.query('a'.repeat(size))
    const taken = writer.take()
    writer.query('b'.repeat(size))
    expect(taken.includes('b')).toBe(false)
    writer.take()
  }
})

test('a NUL in a name or text is a TypeError', () => {
  const writer = new MessageWriter()
  expect(() => writer.query('\0')).toThrow(new TypeError(`text must not contain NUL, got '\0'`))
  expect(() => writer.parse('\0', '')).toThrow(/name must not contain NUL/)
  expect(() => writer.copyFail('a\0')).toThrow(/message must not contain NUL/)
})

test('plain values are not copied', () => {
  const values = ['a', 1, null, undefined]
  expect(parametersOf(values)).toBe(values)
})
