import { isUtf8 } from 'node:buffer'
import { StreamError, type Place, type RecordErrorCode } from './errors.ts'

/** A run of neighbouring records: where their text lies, and where that is in the input. */
export interface GroupText {
  readonly bytes: Buffer<ArrayBuffer>
  /** Where the first record's text begins. The byte before it may be overwritten. */
  readonly start: number
  /** Where each record's text ends; the byte there may be overwritten. */
  readonly ends: Uint32Array
  /** NDJSON: the newlines at `ends` have become commas. */
  readonly newlinesReplaced: boolean
  /** Some record may be too deep, cut off or not one value: each has to be looked at alone. */
  readonly suspect: boolean
  readonly source: string
  /** Added to an address, the offset in the input. */
  readonly origin: number
  /** The line of `start` and the index of the first record. */
  readonly line: number
  readonly record: number
}

export interface RecordLimits {
  readonly maxRecordBytes: number
  readonly maxDepth: number
}

/**
 * Neighbouring records that are parsed together, since `JSON.parse` is quickest with texts of some ten
 * kilobytes; or one by one, when that fails, to find the bad one. Only `JSON.parse` decides what is valid.
 */
export class Group {
  readonly #text: GroupText
  readonly #limits: RecordLimits

  constructor(text: GroupText, limits: RecordLimits) {
    this.#text = text
    this.#limits = limits
  }

  get count(): number {
    return this.#text.ends.length
  }

  /** All values at once; undefined when something is wrong with one of them. */
  values(): unknown[] | undefined {
    const { bytes, start, ends, suspect } = this.#text
    if (suspect || this.#hasLargeRecord()) return undefined

    const end = ends.at(-1)!
    bytes[start - 1] = OPENING_BRACKET
    bytes[end] = CLOSING_BRACKET
    try {
      const values = JSON.parse(decoder.decode(bytes.subarray(start - 1, end + 1))) as unknown[]
      // A single empty text between two commas makes `[]`, which is valid; the record is not.
      return values.length === ends.length ? values : undefined
    } catch {
      return undefined
    }
  }

  /** @throws {StreamError} what is wrong with the record at `index`. */
  value(index: number): unknown {
    const [from, to] = this.#bounds(index)
    const { maxRecordBytes, maxDepth } = this.#limits
    if (to - from > maxRecordBytes) {
      throw this.error(index, 'STREAM_RECORD_TOO_LARGE', `longer than maxRecordBytes, ${maxRecordBytes}`)
    }
    const text = this.#text.bytes.subarray(from, to)
    if (isDeeperThan(maxDepth, text)) {
      throw this.error(index, 'STREAM_TOO_DEEP', `nested deeper than maxDepth, ${maxDepth}`)
    }
    if (!isUtf8(text)) {
      const at = from + firstInvalid(text)
      const byte = this.#text.bytes[at]!.toString(16).padStart(2, '0')
      throw this.error(index, 'STREAM_INVALID_UTF8', `byte 0x${byte} is not UTF-8 here`, undefined, at)
    }
    try {
      return JSON.parse(decoder.decode(text))
    } catch (cause) {
      // V8 appends a line within the record; beside the line in the input it would mislead.
      const message = (cause as Error).message.replace(/ \(line \d+ column \d+\)$/, '')
      throw this.error(index, 'STREAM_BAD_RECORD', message, cause)
    }
  }

  /** An error about the record at `index`, `at` the address given or where the record begins. */
  error(
    index: number,
    code: RecordErrorCode,
    detail: string,
    cause?: unknown,
    at: number = this.#bounds(index)[0],
  ): StreamError {
    const { bytes, start, newlinesReplaced, source, origin, line, record } = this.#text
    const [from, to] = this.#bounds(index)
    const place: Place = {
      source,
      byteOffset: at + origin,
      line: line + countNewlines(bytes, start, at) + (newlinesReplaced ? index : 0),
      record: record + index,
      snippet: snippetOf(bytes.subarray(from, to)),
    }
    return new StreamError(code, 'bad record', place, detail, cause)
  }

  #bounds(index: number): [from: number, to: number] {
    const { bytes, start, ends } = this.#text
    const to = ends[index]!
    const from = index === 0 ? start : ends[index - 1]! + 1
    return [skipSpace(bytes, from, to), to]
  }

  #hasLargeRecord(): boolean {
    const { start, ends } = this.#text
    const { maxRecordBytes } = this.#limits
    if (ends.at(-1)! - start <= maxRecordBytes) return false
    return ends.some((_, index) => {
      const [from, to] = this.#bounds(index)
      return to - from > maxRecordBytes
    })
  }
}

/** The first place from `from` on that holds no JSON whitespace, or `to`. */
export function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && isSpace(bytes[from]!)) from++
  return from
}

export function countNewlines(bytes: Buffer, from: number, to: number): number {
  const text = bytes.subarray(from, to)
  let count = 0
  for (let at = text.indexOf(NEWLINE); at !== -1; at = text.indexOf(NEWLINE, at + 1)) count++
  return count
}

export function snippetOf(text: Uint8Array): string {
  const start = text.subarray(0, SNIPPET_BYTES)
  return Buffer.from(start).toString() + (text.length > SNIPPET_BYTES ? '…' : '')
}

const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const NEWLINE = 0x0a
const SNIPPET_BYTES = 60

// A byte order mark counts only at the start of the input; kept in the text, it makes `JSON.parse` refuse.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
}

function isDeeperThan(maxDepth: number, text: Uint8Array): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === 0x22) {
      for (at++; at < text.length && text[at] !== 0x22; at++) if (text[at] === 0x5c) at++
    } else if (byte === OPENING_BRACKET || byte === 0x7b) {
      if (++depth > maxDepth) return true
    } else if (byte === CLOSING_BRACKET || byte === 0x7d) {
      depth--
    }
  }
  return false
}

function firstInvalid(text: Uint8Array): number {
  let at = 0
  while (at < text.length) {
    const lead = text[at]!
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (!isUtf8(text.subarray(at, at + size))) return at
    at += size
  }
  return at
}
