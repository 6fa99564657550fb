import { expect, test } from 'vitest'
import { StreamProcessor, type StreamOptions } from '../src/index.ts'
import { allOf, pieces, read } from './read.ts'

test('options out of their range are refused at once', () => {
  const wrong: [StreamOptions, string][] = [
    [{ chunkSize: 0 }, 'chunkSize must be an integer from 1, got 0'],
    [{ chunkSize: 1.5 }, 'chunkSize must be an integer from 1, got 1.5'],
    [{ maxRecordBytes: 0 }, 'maxRecordBytes must be an integer from 1 to 268435456, got 0'],
    [{ maxDepth: Infinity }, 'maxDepth must be an integer from 1, got Infinity'],
    [{ maxErrors: -1 }, 'maxErrors must be an integer from 0, got -1'],
    [{ chunkSize: '3' as never }, "chunkSize must be an integer from 1, got '3'"],
    [{ maxErrors: '3' as never }, "maxErrors must be an integer from 0, got '3'"],
    [{ format: 5 as never }, "format must be 'auto', 'json' or 'ndjson', got 5"],
    [{ onError: 'ignore' as never }, "onError must be 'throw', 'skip' or 'collect', got 'ignore'"],
    [{ signal: {} as never }, 'signal must be an AbortSignal, got [object Object]'],
    [{ onProgress: true as never }, 'onProgress must be a function, got true'],
  ]
  for (const [options, message] of wrong) {
    expect(() => new StreamProcessor(options)).toThrow(message)
    expect(() => new StreamProcessor().process(pieces('[]', 1), options)).toThrow(message)
  }
})

test('what is no path and no source is refused at once', () => {
  const processor = new StreamProcessor()
  expect(() => processor.processFile(undefined as never)).toThrow(
    new TypeError('path must be a string or a URL, got undefined'),
  )
  for (const [source, got] of [
    [undefined, 'undefined'],
    ['a.json', "'a.json'"],
    [Buffer.from(`[${'1'.repeat(100)}]`), `[${'1'.repeat(59)}`],
  ]) {
    expect(() => processor.process(source as never)).toThrow(
      new TypeError(`source must be an AsyncIterable or a ReadableStream, got ${String(got)}`),
    )
  }
})

test('options of a call go before those of the constructor, undefined ones do not', async () => {
  const processor = new StreamProcessor({ chunkSize: 2, onError: 'skip' })
  const stream = processor.process(pieces('[1,x,2,3]', 1), { chunkSize: 1, onError: undefined })
  expect(await allOf(stream)).toEqual([[1], [2], [3]])
})

test('auto takes a text that begins with [ for an array and any other for NDJSON', async () => {
  expect((await read('\n [[1],[2]]')).values).toEqual([[1], [2]])
  expect((await read('\n {"a":1}\n[2]\n')).values).toEqual([{ a: 1 }, [2]])
  expect((await read('[1]\n[2]', { format: 'ndjson' })).values).toEqual([[1], [2]])
  const { values, failure } = await read('[1]\n[2]')
  expect(values).toEqual([1])
  expect(failure!.message).toMatch("lines of arrays need format 'ndjson'")
})
