import { expect, test } from 'vitest'
import { StreamProcessor } from '../src/index.ts'
import { read } from './read.ts'

test('a record over maxRecordBytes is refused, one of just that size is not', async () => {
  const limits = { maxRecordBytes: 10, onError: 'collect' } as const
  const text = '[ "12345678" , "123456789", 1]'
  for (const size of [1, 7, 1000]) {
    const { values, errors } = await read(text, limits, size)
    // The space before the comma belongs to no record, yet is counted.
    expect(values).toEqual([1])
    expect(errors.map(({ code, byteOffset, record }) => [code, byteOffset, record])).toEqual([
      ['STREAM_RECORD_TOO_LARGE', 2, 0],
      ['STREAM_RECORD_TOO_LARGE', 15, 1],
    ])
    expect((await read('["12345678",1]', limits, size)).values).toEqual(['12345678', 1])
    expect((await read('"12345678"\n"123456789"\n2', limits, size)).values).toEqual(['12345678', 2])
  }
})

test('a large record is refused long before it has been read', async () => {
  let given = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('[1,"')
    for (; ; given += 65_536) yield Buffer.alloc(65_536, 'a')
  }
  const stream = new StreamProcessor({ maxRecordBytes: 1_000_000 }).process(endless())
  const values: unknown[] = []
  const error = await (async () => {
    for await (const chunk of stream) values.push(...chunk)
  })().catch((error: unknown) => error)
  expect(values).toEqual([1])
  expect(error).toMatchObject({ code: 'STREAM_RECORD_TOO_LARGE', byteOffset: 3, record: 1 })
  expect(given).toBeLessThan(2_000_000)
})

test('after a large record left out, the next ones are read with their own places', async () => {
  const large = `{"text":"${'x\\n'.repeat(400_000)}"}`
  const options = { maxRecordBytes: 1000, onError: 'collect' } as const
  for (const text of [`[1,\n${large}\n,\n\n2,${large},bad,3]`, `1\n${large}\n\n2\n${large}\nbad\n3`]) {
    const { values, errors } = await read(text, options, 10_000)
    expect(values).toEqual([1, 2, 3])
    const second = text.lastIndexOf('{"text"')
    expect(errors.map(({ code, byteOffset, record, line }) => [code, byteOffset, record, line])).toEqual([
      ['STREAM_RECORD_TOO_LARGE', text.indexOf('{'), 1, 2],
      ['STREAM_RECORD_TOO_LARGE', second, 3, 5],
      ['STREAM_BAD_RECORD', text.indexOf('bad'), 4, text.startsWith('[') ? 5 : 6],
    ])
  }
})

test('a record longer than the buffer is read whole', async () => {
  const records = [1, 'é'.repeat(900_000), { a: '"'.repeat(500_000) }, 2]
  expect((await read(JSON.stringify(records), {}, 50_000)).values).toStrictEqual(records)
  const lines = records.map((record) => JSON.stringify(record)).join('\n')
  expect((await read(lines, {}, 50_000)).values).toStrictEqual(records)
})

test('a record of maxDepth is read, a deeper one is refused', async () => {
  for (const text of [`[${nested(4)},${nested(6)},[]]`, `${nested(4)}\n${nested(6)}\n[]`]) {
    const format = text.startsWith('[[{"a":[{"a":"') ? 'json' : 'ndjson'
    const { values, errors } = await read(text, { maxDepth: 4, onError: 'collect', format }, 64)
    expect(values).toEqual([[{ a: [{ a: '[[[' }] }], []])
    expect(errors).toMatchObject([{ code: 'STREAM_TOO_DEEP', record: 1 }])
  }
})

test('a million open brackets are a typed error', async () => {
  const bomb = '['.repeat(1_000_000)
  const { failure } = await read(bomb, {}, 65_536)
  expect(failure).toMatchObject({ code: 'STREAM_TOO_DEEP', byteOffset: 1, record: 0 })
  const closed = `[1,${bomb}${']'.repeat(1_000_000)},2]`
  const { values, errors } = await read(closed, { onError: 'collect' })
  expect(values).toEqual([1, 2])
  expect(errors).toMatchObject([{ code: 'STREAM_TOO_DEEP', byteOffset: 3, record: 1 }])
  expect((await read(`{"a":${bomb}`, { format: 'ndjson' })).failure?.code).toBe('STREAM_TOO_DEEP')
})

test('a key named __proto__ is a plain property', async () => {
  const [record] = (await read<object>('[{"__proto__":{"x":1}}]')).values
  expect(Object.keys(record!)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
})

function nested(depth: number): string {
  return '[{"a":'.repeat(depth / 2) + '"[[["' + '}]'.repeat(depth / 2)
}
