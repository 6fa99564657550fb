import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StreamError, StreamProcessor } from '../src/index.ts'
import { allOf, read } from './read.ts'

test('a truncated array says where it ended, after the records before', async () => {
  const text = '[\n{"id":1},\n{"id":2},\n{"id":3,"na'
  for (const size of [1, 10, 1000]) {
    const { values, failure } = await read(text, { onError: 'skip' }, size)
    expect(values).toEqual([{ id: 1 }, { id: 2 }])
    expect(failure).toMatchObject({ code: 'STREAM_TRUNCATED', byteOffset: 33, record: 2, line: 4 })
    expect(failure!.message).toBe(
      'stream: the array ends early at byte 33 (record 2, line 4): inside {"id":3,"na',
    )
  }
  expect((await read('[1,2 ')).failure!.message).toMatch('ends early at byte 5 (record 1, line 1): inside 2')
  expect((await read('[1,2, ')).failure!.message).toMatch('its closing bracket is missing')
})

test('every cut of an array is an error', async () => {
  const text = '[{"a":[1,"]"]},\n "b" ,-1]'
  for (let length = 0; length < text.length; length++) {
    const { failure } = await read(text.slice(0, length), { format: 'json' }, 3)
    expect(failure).toMatchObject({ code: 'STREAM_TRUNCATED', byteOffset: length })
  }
})

test('a bad record is told by byte, line, record and text', async () => {
  const text = '[\n  {"é": 1},\r\n\n  {"id": tru},\n  3]'
  const { values, failure } = await read(text)
  expect(values).toEqual([{ é: 1 }])
  expect(failure).toBeInstanceOf(StreamError)
  expect(failure).toMatchObject({
    code: 'STREAM_BAD_RECORD',
    source: 'stream',
    byteOffset: Buffer.from(text).indexOf('{"id"'),
    line: 4,
    record: 1,
    snippet: '{"id": tru}',
  })
  expect(failure!.cause).toBeInstanceOf(SyntaxError)
})

test('a bad line is told by byte, line and record, and empty lines are no records', async () => {
  const text = '\n{"a":1}\r\n\r\n \n  {"a":}\r\n"é"\nx'
  const { values, errors } = await read(text, { onError: 'collect', format: 'ndjson' }, 5)
  expect(values).toEqual([{ a: 1 }, 'é'])
  expect(errors.map(({ byteOffset, line, record, snippet }) => [byteOffset, line, record, snippet])).toEqual([
    [text.indexOf('{"a":}'), 5, 1, '{"a":}\r'],
    [Buffer.byteLength(text) - 1, 7, 3, 'x'],
  ])
})

test('invalid UTF-8 is an error at its byte', async () => {
  for (const bad of ['\xff', '\xc3', '\xe2\x82', '\xed\xa0\x80', '\xf5\x80\x80\x80']) {
    const bytes = Buffer.concat([
      Buffer.from('["grün",\n "é'),
      Buffer.from(bad, 'latin1'),
      Buffer.from('", "ö"]'),
    ])
    const { values, errors } = await read(bytes, { onError: 'collect' }, 4)
    expect(values).toEqual(['grün', 'ö'])
    const at = bytes.indexOf('\n "é') + 5
    expect(errors).toMatchObject([{ code: 'STREAM_INVALID_UTF8', byteOffset: at, line: 2, record: 1 }])
  }
})

test('a byte order mark is accepted at the start and nowhere else', async () => {
  for (const size of [1, 2, 100]) {
    expect((await read('\ufeff[1,2]', {}, size)).values).toEqual([1, 2])
    expect((await read('\ufeff1\n2', {}, size)).values).toEqual([1, 2])
    expect((await read('[1,\ufeff2]', {}, size)).failure?.code).toBe('STREAM_BAD_RECORD')
    expect((await read(' \ufeff[1]', { format: 'json' }, size)).failure?.code).toBe('STREAM_NOT_ARRAY')
  }
})

test('text after the array is an error, after its records', async () => {
  for (const size of [1, 100]) {
    const { values, failure } = await read('[1,\n2]\n \n[3]', {}, size)
    expect(values).toEqual([1, 2])
    expect(failure).toMatchObject({ code: 'STREAM_UNEXPECTED', byteOffset: 9, line: 4 })
    expect((await read('[1,2}', {}, size)).failure).toMatchObject({
      code: 'STREAM_UNEXPECTED',
      byteOffset: 4,
    })
  }
})

test('what is not an array is refused under json, and empty input ends early', async () => {
  const { failure } = await read(' {"a":1}', { format: 'json' })
  expect(failure).toMatchObject({ code: 'STREAM_NOT_ARRAY', byteOffset: 1 })
  for (const text of ['', ' \n']) {
    expect((await read(text, { format: 'json' })).failure).toMatchObject({
      code: 'STREAM_TRUNCATED',
      byteOffset: text.length,
    })
  }
})

test('a missing file is an error with the cause and the path', async () => {
  const path = join(import.meta.dirname, 'missing.json')
  const stream = new StreamProcessor().processFile(path)
  const error = await allOf(stream).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'STREAM_READ', source: path, cause: { code: 'ENOENT' } })
  expect((error as Error).message).toMatch(`${path}: reading failed at byte 0 (record 0, line 1): ENOENT`)
})

test('a source that fails is an error with the cause, after the records before', async () => {
  const chunks: unknown[] = []
  const error = await (async () => {
    for await (const chunk of new StreamProcessor().process(failing())) chunks.push(chunk)
  })().catch((error: unknown) => error)
  expect(chunks).toEqual([[1, 2]])
  expect(error).toMatchObject({ code: 'STREAM_READ', byteOffset: 68, cause: { message: 'wire cut' } })
})

test('a source that gives text instead of bytes is refused', async () => {
  const reading = allOf(new StreamProcessor().process(strings()))
  await expect(reading).rejects.toMatchObject({ code: 'STREAM_READ', cause: expect.any(TypeError) })
})

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`1\n2\n${' '.repeat(64)}`)
  throw new Error('wire cut')
}

async function* strings(): AsyncGenerator<Uint8Array> {
  yield '[1]' as unknown as Uint8Array
}
