import { startPostgres } from '@code/testkit'
import { expect, test } from 'vitest'
import { postgres } from '../../src/postgres.ts'
import { CopyText } from '../../src/postgres/copy-text.ts'

test('tab, newline, carriage return and backslash are escaped; null and undefined are \\N', () => {
  expect(written(['a\tb\nc\rd\\e', null, undefined, ''])).toBe('a\\tb\\nc\\rd\\\\e\t\\N\t\\N\t\n')
  expect(written(['\\N', '\\.'])).toBe('\\\\N\t\\\\.\n')
})

test('numbers, bigints, booleans, bytes, objects and arrays have their texts', () => {
  expect(written([1.5, -0, NaN, Infinity, 10n ** 20n, true, false])).toBe(
    '1.5\t0\tNaN\tInfinity\t100000000000000000000\tt\tf\n',
  )
  expect(written([Buffer.from([0, 255]), new Uint8Array([16])])).toBe('\\\\x00ff\t\\\\x10\n')
  expect(written([new Uint16Array([1, 2]), new DataView(new ArrayBuffer(1)), [new Uint16Array([3])]])).toBe(
    '\\\\x01000200\t\\\\x00\t{"\\\\\\\\x0300"}\n',
  )
  expect(written([{ a: 'x\ny' }])).toBe('{"a":"x\\\\ny"}\n')
  expect(written([[1, null, 'a"b', ['c']]])).toBe('{"1",NULL,"a\\\\"b",{"c"}}\n')
})

test('what has no text is refused with its place', () => {
  expect(() => written([1, 'a\0b'])).toThrow(
    expect.objectContaining({
      code: 'CONNECTIONS_VALUE',
      message: expect.stringContaining('row 1, column c1'),
    }),
  )
  expect(() => written([Symbol('x')])).toThrow(TypeError)
  expect(() => written([() => 1])).toThrow(TypeError)
  expect(() => written([new Date(NaN)])).toThrow('an invalid Date has no text')
  expect(() => new CopyText(['a', 'b']).append([1])).toThrow('row 1 has 1 values for 2 columns')
})

test('short and long texts are written alike, whatever has to be escaped or encoded in them', () => {
  const parts = ['a', '\b', '\t', '\\', 'ø', '漢', '🚀', '\ud800']
  for (let length = 0; length <= 150; length++) {
    for (const part of parts) {
      const plain = 'x'.repeat(length)
      for (const text of [part + plain, plain + part, plain + part + plain]) {
        const escaped = text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t')
        expect(written([text, 1, text])).toBe(`${escaped}\t1\t${escaped}\n`.toWellFormed())
      }
    }
  }
})

test('a chunk is full at 64 KiB, and taking it starts the next', () => {
  const text = new CopyText(['a'])
  expect(text.empty).toBe(true)
  text.append(['x'.repeat(65_000)])
  expect(text.full).toBe(false)
  text.append(['x'.repeat(1000)])
  expect(text.full).toBe(true)
  expect(text.take()).toHaveLength(5 + 66_002)
  expect(text.empty).toBe(true)
})

test('a chunk is a CopyData message', () => {
  const text = new CopyText(['a', 'b'])
  text.append([1, 'x'])
  text.append([2, null])
  const rows = Buffer.from('1\tx\n2\t\\N\n')
  expect(text.take()).toEqual(Buffer.concat([Buffer.from([100, 0, 0, 0, 4 + rows.length]), rows]))
})

test('a buffer serves again once it is given back, and not before', () => {
  const text = new CopyText(['a'])
  const take = (value: string): Buffer => {
    text.append([value])
    return text.take()
  }
  const first = take('first')
  const second = take('second')
  const third = take('third')
  expect(new Set([first, second, third].map(({ buffer }) => buffer)).size).toBe(3)
  expect([first, second, third].map(rowsOf)).toEqual(['first\n', 'second\n', 'third\n'])
  text.giveBack(first)
  expect(rowsOf(take('fourth'))).toBe('fourth\n')
  const fifth = take('5')
  expect(fifth.buffer).toBe(first.buffer)
  expect(rowsOf(fifth)).toBe('5\n')
  expect(rowsOf(second)).toBe('second\n')
})

test('a row longer than its chunk is written whole, and its buffer is kept', () => {
  const text = new CopyText(['a', 'b'])
  text.append([1, 'small'])
  const long = '漢\\'.repeat(300_000)
  text.append([2, long])
  text.append([3, 'small'])
  const chunk = text.take()
  expect(rowsOf(chunk)).toBe(`1\tsmall\n2\t${long.replaceAll('\\', '\\\\')}\n3\tsmall\n`)
  text.giveBack(chunk)
  text.append([4, 'next'])
  text.take()
  text.append([5, long])
  expect(text.take().buffer).toBe(chunk.buffer)
})

test('whatever is copied is what the same values give as parameters of an insert', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.info(`seed ${seed}`)
  const random = mulberry32(seed)
  await using server = await startPostgres()
  await using db = postgres({ connectionString: server.url, maxSize: 1 }).open()
  const columns = `t text, n float8, i bigint, b bool, d timestamptz, l timestamp, y bytea, j jsonb, a text[]`
  await db.query(`create table copied (id int, ${columns}); create table inserted (id int, ${columns})`)
  const rows = Array.from({ length: 500 }, (_, id) => [id, ...randomRow(random)])

  const names = ['id', 't', 'n', 'i', 'b', 'd', 'l', 'y', 'j', 'a']
  await db.copyFrom('copied', names, rows)
  const parameters = names.map((_, i) => `$${i + 1}`).join(', ')
  for (const row of rows) await db.query(`insert into inserted values (${parameters})`, row)

  const { rows: different } = await db.query(
    `(select * from copied except select * from inserted) union all (select * from inserted except select * from copied)`,
  )
  expect(different).toEqual([])
  expect((await db.query('select count(*)::int from copied')).rows).toEqual([{ count: 500 }])
})

function written(row: readonly unknown[]): string {
  const text = new CopyText(row.map((_, i) => `c${i}`))
  text.append(row)
  return rowsOf(text.take())
}

/** Without the message's head. */
function rowsOf(chunk: Buffer): string {
  return chunk.toString('utf8', 5)
}

function randomRow(random: () => number): unknown[] {
  const pick = <T>(...values: T[]): T => values[Math.floor(random() * values.length)]!
  const text = (): string =>
    Array.from({ length: Math.floor(random() * 12) }, () =>
      pick(
        '\t',
        '\n',
        '\r',
        '\\',
        'N',
        '.',
        '"',
        "'",
        ',',
        '{',
        '}',
        ' ',
        '\b',
        '\v',
        'ø',
        '漢',
        '🚀',
        'a',
        '',
      ),
    ).join('')
  const date = (): Date => new Date(Math.floor((random() - 0.3) * 2e14))
  const orNull = (value: unknown): unknown => (random() < 0.1 ? null : value)
  return [
    orNull(text()),
    orNull(pick(random() * 1e9, -random(), 0, NaN, -Infinity, 1e-300)),
    orNull(pick(BigInt(Math.floor(random() * 2 ** 53)), -1n)),
    orNull(random() < 0.5),
    orNull(date()),
    orNull(date()),
    orNull(Buffer.from(text())),
    orNull({ [text()]: [text(), null, { n: random() }] }),
    orNull([text(), null, text()]),
  ]
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
