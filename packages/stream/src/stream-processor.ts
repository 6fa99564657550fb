import { fileURLToPath } from 'node:url'
import type { ReadableStream } from 'node:stream/web'
import { fileSource, iterableSource, type ByteSource } from './byte-source.ts'
import { checkPath, checkSource } from './check.ts'
import { defaults, withOptions, type ReadOptions, type Settings, type StreamOptions } from './options.ts'
import { Reading, type RecordStream } from './record-stream.ts'

/**
 * Reads a JSON array or NDJSON of any size record by record, in memory that does not grow with the input.
 *
 * @throws {RangeError | TypeError} for options out of their range, at once.
 */
export class StreamProcessor {
  readonly #settings: Settings<never>

  constructor(options?: StreamOptions) {
    this.#settings = withOptions(defaults, options)
  }

  /** Reads a file; it is opened when the first chunk is asked for. */
  processFile<T = unknown>(path: string | URL, options?: ReadOptions<T>): RecordStream<T> {
    checkPath('path', path)
    return this.#read(fileSource(path instanceof URL ? fileURLToPath(path) : path), options)
  }

  /** Reads bytes from anywhere: a Node stream, the body of a response, a generator. */
  process<T = unknown>(
    source: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
    options?: ReadOptions<T>,
  ): RecordStream<T> {
    checkSource('source', source)
    return this.#read(iterableSource(source), options)
  }

  #read<T>(source: ByteSource, options: ReadOptions<T> | undefined): RecordStream<T> {
    return new Reading(source, withOptions(this.#settings, options))
  }
}
