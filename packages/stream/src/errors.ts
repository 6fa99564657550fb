/** What can be wrong with one record. `onError` decides what becomes of it. */
export type RecordErrorCode =
  | 'STREAM_BAD_RECORD'
  | 'STREAM_INVALID_UTF8'
  | 'STREAM_RECORD_TOO_LARGE'
  | 'STREAM_SCHEMA'
  | 'STREAM_TOO_DEEP'

/** Why reading failed. Branch on these, never on `message`. */
export type StreamErrorCode =
  | RecordErrorCode
  | 'STREAM_NOT_ARRAY'
  | 'STREAM_READ'
  | 'STREAM_TOO_MANY_ERRORS'
  | 'STREAM_TRUNCATED'
  | 'STREAM_UNEXPECTED'

/** Where in the input something is. */
export interface Place {
  /** The path of the file, or `stream`. */
  readonly source: string
  /** Bytes before it, from the start of the file. For a record: before its first byte that is no space. */
  readonly byteOffset: number
  /** Its line, from 1. */
  readonly line: number
  /** Its record, from 0. Records that were skipped count. */
  readonly record: number
  /** How the record's text begins. */
  readonly snippet: string
}

/** An operational failure of reading. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class StreamError extends Error implements Place {
  override readonly name = 'StreamError'
  readonly code: StreamErrorCode
  readonly source: string
  readonly byteOffset: number
  readonly line: number
  readonly record: number
  readonly snippet: string

  constructor(code: StreamErrorCode, what: string, place: Place, detail: string, cause?: unknown) {
    const { source, byteOffset, line, record, snippet } = place
    const message = `${source}: ${what} at byte ${byteOffset} (record ${record}, line ${line}): ${detail}`
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.source = source
    this.byteOffset = byteOffset
    this.line = line
    this.record = record
    this.snippet = snippet
  }
}

/** One bad record, as collected under `onError: 'collect'`. */
export type RecordError = StreamError & { readonly code: RecordErrorCode }
