import { checkFunction, checkInteger, checkOneOf, checkSignal } from './check.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/** How to read. Given to the constructor they hold for all its streams; given to a call, for that one. */
export interface StreamOptions {
  /** Records in a chunk; the last may hold fewer. Integer from 1. @default 1000 */
  readonly chunkSize?: number | undefined
  /**
   * `json`: one array, its elements are the records. `ndjson`: a record a line, empty lines skipped. `auto`
   * looks at the first byte that is no space: `[` is `json`, any other, or none, is `ndjson`.
   * @default 'auto'
   */
  readonly format?: 'auto' | 'json' | 'ndjson' | undefined
  /**
   * Longest text of one record, in bytes. A longer one is refused before it is read whole. Integer from 1 to
   * 268_435_456. @default 16_777_216
   */
  readonly maxRecordBytes?: number | undefined
  /** Most brackets and braces open at once within one record. Integer from 1. @default 1000 */
  readonly maxDepth?: number | undefined
  /**
   * What a bad record does. `throw` ends the stream after the records before it; `skip` leaves it out;
   * `collect` leaves it out and keeps its error in `errors`. @default 'throw'
   */
  readonly onError?: 'throw' | 'skip' | 'collect' | undefined
  /**
   * Most bad records under `skip` and `collect`; one more is `STREAM_TOO_MANY_ERRORS`. Integer from 0 or
   * `Infinity`. @default 1000
   */
  readonly maxErrors?: number | undefined
  /** Ends the stream with the signal's reason and closes the file. */
  readonly signal?: AbortSignal | undefined
  /** Called about every megabyte, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Options of one stream: what holds for all, and what its records must be. */
export interface ReadOptions<T> extends StreamOptions {
  /** Checks, and may transform, each record. A record that fails it is a bad record. */
  readonly schema?: StandardSchemaV1<unknown, T> | undefined
}

/** How far a stream is. */
export interface Progress {
  /** Bytes read. */
  readonly bytes: number
  /** Size of the file when it was opened, in bytes; undefined for other sources. */
  readonly totalBytes: number | undefined
  /** Records delivered or about to be. */
  readonly records: number
  /** Bad records met. */
  readonly errors: number
}

type Optional = 'signal' | 'onProgress'

/** Options with the defaults in place. */
export type Settings<T> = {
  readonly [K in Exclude<keyof StreamOptions, Optional>]-?: NonNullable<StreamOptions[K]>
} & Pick<ReadOptions<T>, Optional | 'schema'>

export const defaults: Settings<never> = {
  chunkSize: 1000,
  format: 'auto',
  maxRecordBytes: 16_777_216,
  maxDepth: 1000,
  onError: 'throw',
  maxErrors: 1000,
}

/** Lays `options` over `base` and checks the outcome. */
export function withOptions<T>(base: Settings<never>, options: ReadOptions<T> = {}): Settings<T> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const settings = { ...base, ...Object.fromEntries(given) } as Settings<T>
  checkInteger('chunkSize', settings.chunkSize, 1)
  checkInteger('maxRecordBytes', settings.maxRecordBytes, 1, 268_435_456)
  checkInteger('maxDepth', settings.maxDepth, 1)
  if (settings.maxErrors !== Infinity) checkInteger('maxErrors', settings.maxErrors, 0)
  checkOneOf('format', settings.format, ['auto', 'json', 'ndjson'])
  checkOneOf('onError', settings.onError, ['throw', 'skip', 'collect'])
  if (settings.signal !== undefined) checkSignal('signal', settings.signal)
  if (settings.onProgress !== undefined) checkFunction('onProgress', settings.onProgress)
  return settings
}
