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
    [{ format: 'csv' as never }, 'format must be one of auto, json, ndjson, got csv'],
    [{ onError: 'ignore' as never }, 'onError must be one of throw, skip, collect, got ignore'],
  ]
  for (const [options, message] of wrong) {
    expect(() => new StreamProcessor(options)).toThrow(message)
    expect(() => new StreamProcessor().process(pieces('[]', 1), options)).toThrow(message)
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
