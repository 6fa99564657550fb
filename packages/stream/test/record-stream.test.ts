import { isDeepStrictEqual } from 'node:util'
import { expect, expectTypeOf, test } from 'vitest'
import { StreamProcessor, type RecordError, type SchemaResult, type StandardSchemaV1 } from '../src/index.ts'
import { allOf, pieces, read } from './read.ts'

const numbers = JSON.stringify(Array.from({ length: 10 }, (_, i) => i))

test('chunks hold chunkSize records, the last one the rest', async () => {
  for (const [chunkSize, sizes] of [
    [4, [4, 4, 2]],
    [5, [5, 5]],
    [100, [10]],
  ] as const) {
    const stream = new StreamProcessor({ chunkSize }).process<number>(pieces(numbers, 3))
    const chunks = await allOf(stream)
    expect(chunks.map((chunk) => chunk.length)).toEqual(sizes)
    expect(chunks.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
})

test('an empty array and empty input give no chunk', async () => {
  for (const text of ['[]', ' [ \n] ', '', ' \n']) {
    expect(await allOf(new StreamProcessor().process(pieces(text, 1)))).toEqual([])
  }
})

test('20,000 records with all sorts of characters are read as they were written', async () => {
  const records = Array.from({ length: 20_000 }, (_, id) => ({
    id,
    name: `Zürich "${id}" \\ ${String.fromCodePoint(0x1f600 + (id % 64))}`,
    tags: id % 7 === 0 ? [] : ['a,b', '}]', '\u2028\n\t\u0000'],
    place: { lat: id / 7, lon: -id - 0.5, deep: [[{ at: null }], true] },
  }))
  for (const text of [JSON.stringify(records), JSON.stringify(records, null, 2)]) {
    expect(isDeepStrictEqual((await read(text, {}, 40_000)).values, records)).toBe(true)
  }
  const lines = records.map((record) => JSON.stringify(record)).join('\r\n')
  expect(isDeepStrictEqual((await read(lines, {}, 40_000)).values, records)).toBe(true)
})

test('records come one by one, with their type', async () => {
  const stream = new StreamProcessor().process<number>(pieces(numbers, 7))
  const records = stream.records()
  expectTypeOf(records).toEqualTypeOf<AsyncIterableIterator<number>>()
  expect(await allOf(records)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a web stream gives the chunks', async () => {
  const stream = new StreamProcessor({ chunkSize: 6 }).process<number>(pieces(numbers, 7))
  expect(await allOf(stream.toWebStream())).toEqual([
    [0, 1, 2, 3, 4, 5],
    [6, 7, 8, 9],
  ])
})

test('a stream is read once', () => {
  const stream = new StreamProcessor().process(pieces(numbers, 7))
  stream.records()
  expect(() => stream[Symbol.asyncIterator]()).toThrow(new TypeError('a RecordStream can be read only once'))
})

test('throw delivers the records before a bad one, skip and collect those after it too', async () => {
  const text = '[1,2,bad,3,worse,4]'
  expect((await read(text)).values).toEqual([1, 2])
  expect(await read(text, { onError: 'skip' })).toMatchObject({ values: [1, 2, 3, 4], errors: [] })
  const { values, errors } = await read(text, { onError: 'collect' })
  expectTypeOf(errors).toEqualTypeOf<readonly RecordError[]>()
  expect(values).toEqual([1, 2, 3, 4])
  expect(errors.map(({ record }) => record)).toEqual([2, 4])
})

test('more bad records than maxErrors end the stream', async () => {
  const { values, failure } = await read('[1,a,2,b,3,c,4]', { onError: 'skip', maxErrors: 2 })
  expect(values).toEqual([1, 2, 3])
  expect(failure).toMatchObject({
    code: 'STREAM_TOO_MANY_ERRORS',
    record: 5,
    cause: { code: 'STREAM_BAD_RECORD' },
  })
})

test('a schema checks and transforms each record, at once or later', async () => {
  for (const later of [false, true]) {
    const { values, errors } = await read<{ id: string }>(
      '{"id":1}\n{"id":"x"}\n{"id":2}',
      { schema: idSchema(later), onError: 'collect' },
      64,
    )
    expect(values).toEqual([{ id: '#1' }, { id: '#2' }])
    expect(errors).toMatchObject([{ code: 'STREAM_SCHEMA', record: 1, line: 2, byteOffset: 9 }])
    expect(errors[0]!.message).toMatch('id.0: must be a number')
    expect(errors[0]!.cause).toEqual([{ message: 'must be a number', path: ['id', { key: 0 }] }])
  }
})

test('a schema may answer with any thenable', async () => {
  const schema = idSchema(false)
  const { validate } = schema['~standard']
  const then = 'then' as string
  const thenable = (value: unknown) => ({
    [then]: (take: (result: unknown) => void) => take(validate(value)),
  })
  const lazy = { '~standard': { ...schema['~standard'], validate: thenable as never } }
  const { values } = await read<WithId>('{"id":1}\n{"id":2}', { schema: lazy })
  expect(values).toEqual([{ id: '#1' }, { id: '#2' }])
})

test('what a schema throws is passed on as it is', async () => {
  const broken = new RangeError('broken schema')
  const schema: StandardSchemaV1 = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        throw broken
      },
    },
  }
  await expect(read('[1]', { schema, onError: 'skip' })).rejects.toBe(broken)
})

test('progress is reported about every megabyte and at the end', async () => {
  const text = `[${'"0123456789",'.repeat(300_000)}bad]`
  const seen: unknown[] = []
  await read(text, { onError: 'skip', onProgress: (progress) => seen.push(progress) }, 100_000)
  expect(seen.length).toBe(4)
  expect(seen.at(-1)).toEqual({
    bytes: text.length,
    totalBytes: undefined,
    records: 300_000,
    errors: 1,
  })
})

type WithId = { id: string }

function idSchema(later: boolean): StandardSchemaV1<unknown, WithId> {
  const validate = later ? async (value: unknown) => checkId(value) : checkId
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

function checkId(value: unknown): SchemaResult<WithId> {
  const { id } = value as { id: unknown }
  if (typeof id === 'number') return { value: { id: `#${id}` } }
  return { issues: [{ message: 'must be a number', path: ['id', { key: 0 }] }] }
}
