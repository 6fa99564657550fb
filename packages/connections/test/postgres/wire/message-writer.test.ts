import { PassThrough } from 'node:stream'
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

function compare(write: (writer: MessageWriter) => void, ask: (oracle: Oracle) => void): void {
  const stream = new PassThrough()
  ask(new Connection({ stream } as never) as unknown as Oracle)
  const expected = (stream.read() as Buffer | null) ?? Buffer.alloc(0)
  const writer = new MessageWriter()
  write(writer)
  expect(writer.length).toBe(expected.length)
  expect(writer.take().toString('latin1')).toBe(expected.toString('latin1'))
  expect(writer.length).toBe(0)
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
  compare(
    (writer) => {
      writer.query(text)
      writer.parse('', text)
      writer.parse(text, text)
      writer.copyFail(text)
    },
    (oracle) => {
      oracle.query(text)
      oracle.parse({ name: '', text, types: [] })
      oracle.parse({ name: text, text, types: [] })
      oracle.sendCopyFail(text)
    },
  )
})

test('the other messages are written as pg writes them', () => {
  compare(
    (writer) => {
      writer.describeStatement('s')
      writer.describePortal('p')
      writer.execute('p', 0)
      writer.execute('', 2 ** 31 - 1)
      writer.closeStatement('s')
      writer.closePortal('p')
      writer.sync()
      writer.copyDone()
    },
    (oracle) => {
      oracle.describe({ type: 'S', name: 's' })
      oracle.describe({ type: 'P', name: 'p' })
      oracle.execute({ portal: 'p', rows: 0 })
      oracle.execute({ portal: '', rows: 2 ** 31 - 1 })
      oracle.close({ type: 'S', name: 's' })
      oracle.close({ type: 'P', name: 'p' })
      oracle.sync()
      oracle.endCopyFrom()
    },
  )
  const writer = new MessageWriter()
  writer.copyData(7)
  writer.terminate()
  expect([...writer.take()]).toEqual([100, 0, 0, 0, 11, 88, 0, 0, 0, 4])
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
  compare(
    (writer) => {
      writer.bind('', '', [])
      writer.bind('p', 's', parametersOf(values))
      for (const value of values) writer.bind('', 's', parametersOf([value]))
    },
    (oracle) => {
      oracle.bind({ portal: '', statement: '', values: [] })
      oracle.bind({ portal: 'p', statement: 's', values: mapped })
      for (const value of mapped) oracle.bind({ portal: '', statement: 's', values: [value] })
    },
  )
})

test('any order of messages of any size is written as pg writes it', () => {
  const seed = Date.now() | 0
  const random = seeded(seed)
  const writer = new MessageWriter()
  const stream = new PassThrough({ highWaterMark: 2 ** 30 })
  const oracle = new Connection({ stream } as never) as unknown as Oracle
  for (let i = 0; i < 500; i++) {
    const text = 'aß€'[i % 3]!.repeat(10 ** (random() * 5))
    writer.parse('name', text)
    oracle.parse({ name: 'name', text, types: [] })
    writer.bind('', 'name', [text, i])
    oracle.bind({ portal: '', statement: 'name', values: [text, String(i)] })
    if (random() > 0.2) continue
    expect(writer.take().equals(stream.read() as Buffer), `seed ${seed}, ${i}`).toBe(true)
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
