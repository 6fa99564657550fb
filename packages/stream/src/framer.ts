import { StreamError, type StreamErrorCode } from './errors.ts'
import { countNewlines, Group, skipSpace, snippetOf, type RecordLimits } from './group.ts'
import { BLOCK, TEXT, WINDOW } from './scanner-code.ts'
import { Scanner } from './scanner.ts'

export interface FramerOptions extends RecordLimits {
  readonly format: 'auto' | 'json' | 'ndjson'
}

/**
 * Cuts a text that arrives in pieces into groups of whole records. Holds one buffer, which grows only for a
 * record that is longer than half of it and at most to a few times `maxRecordBytes`.
 */
export class Framer {
  readonly #source: string
  readonly #options: FramerOptions
  readonly #scanner: Scanner = new Scanner(INITIAL_BYTES)
  #bytes: Buffer<ArrayBuffer> = this.#scanner.view()
  #part: 'head' | 'records' | 'tail' = 'head'
  #lines = false
  #ended = false

  // Addresses: text before #start is done with, #scanned is how far the scanner looked, text ends at #end.
  #start = TEXT
  #scanned = TEXT
  #end = TEXT
  #origin = -TEXT
  #line = 1
  #scannedLine = 1
  #record = 0
  /** The record at #start was refused, but its end hasn't been met yet. */
  #dropping = false
  #maybeDeep = false
  #closedByBrace = false

  constructor(source: string, options: FramerOptions) {
    this.#source = source
    this.#options = options
  }

  /** Where the next bytes of the input go. */
  room(): Buffer<ArrayBuffer> {
    const limit = this.#bytes.length - 2 * BLOCK
    const capacity = limit - TEXT
    if (limit - this.#end > capacity / 4) return this.#bytes.subarray(this.#end, limit)

    this.#moveToFront()
    if (this.#end - TEXT > capacity / 2) {
      this.#scanner.grow(2 * capacity)
      this.#bytes = this.#scanner.view()
    }
    return this.#bytes.subarray(this.#end, this.#bytes.length - 2 * BLOCK)
  }

  /** Says how many bytes were put into the room; 0 ends the input. */
  filled(count: number): void {
    this.#end += count
    if (count > 0) return

    this.#ended = true
    // The last line may lack its newline, and the scanner wants whole blocks.
    this.#bytes.fill(SPACE, this.#end, this.#end + 2 * BLOCK)
    this.#bytes[this.#end] = NEWLINE
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The next records; undefined when there are none before more input comes, or ever when it has ended. */
  next(): Group | undefined {
    if (this.#part === 'head') this.#readHead()
    while (this.#part === 'records') {
      const blocks = this.#ended
        ? Math.ceil((this.#end + 1 - this.#scanned) / BLOCK)
        : Math.floor((this.#end - this.#scanned) / BLOCK)
      if (blocks <= 0) return this.#starved()
      const group = this.#scan(Math.min(WINDOW, blocks * BLOCK))
      if (group !== undefined) return group
    }
    if (this.#part === 'tail') this.#readTail()
    return undefined
  }

  /** An error about the input as a whole, `at` an address or where it stopped. */
  error(
    code: StreamErrorCode,
    what: string,
    detail: string,
    cause?: unknown,
    at: number = this.#end,
  ): StreamError {
    const place = {
      source: this.#source,
      byteOffset: at + this.#origin,
      line: this.#line + countNewlines(this.#bytes, this.#start, at),
      record: this.#dropping ? this.#record - 1 : this.#record,
      snippet: snippetOf(this.#bytes.subarray(this.#start, this.#end)),
    }
    return new StreamError(code, what, place, detail, cause)
  }

  #readHead(): void {
    if (this.#offset === 0 && this.#bytes[this.#start] === 0xef) {
      if (this.#end - this.#start < 3 && !this.#ended) return
      if (this.#bytes.readUIntBE(this.#start, 3) === BYTE_ORDER_MARK) this.#start += 3
    }
    this.#skipSpace(this.#end)
    const { format } = this.#options
    if (this.#start === this.#end) {
      if (!this.#ended) return
      if (format === 'json') throw this.error('STREAM_TRUNCATED', 'the input ends', 'an array should follow')
      this.#part = 'tail'
      return
    }

    const isArray = this.#bytes[this.#start] === OPENING_BRACKET
    if (format === 'json' && !isArray) {
      throw this.error('STREAM_NOT_ARRAY', 'not an array', this.#excerpt(), undefined, this.#start)
    }
    this.#lines = format === 'ndjson' || !isArray
    if (!this.#lines) this.#start++
    this.#scanned = this.#start
    this.#scannedLine = this.#line
    this.#part = 'records'
  }

  #scan(length: number): Group | undefined {
    const scanner = this.#scanner
    let ends = scanner.scan(this.#scanned, this.#scanned + length, this.#lines)
    const nextLine = this.#scannedLine + scanner.newlinesToLastEnd
    const isDeep = scanner.deepest > this.#options.maxDepth
    const suspect = isDeep || this.#maybeDeep || scanner.torn
    this.#scanned += length
    this.#scannedLine += scanner.newlines
    this.#maybeDeep ||= isDeep
    if (ends.length === 0) return undefined

    if (this.#dropping) {
      this.#skipTo(ends[0]! + 1)
      this.#dropping = false
      ends = ends.subarray(1)
    }
    const [start, line, record] = [this.#start, this.#line, this.#record]
    const next = (ends.at(-1) ?? start - 1) + 1
    if (scanner.closed) {
      this.#part = 'tail'
      this.#closedByBrace = this.#bytes[next - 1] === CLOSING_BRACE
      // The one thing that may be missing before the closing bracket is the only record.
      if (record === 0 && ends.length === 1 && skipSpace(this.#bytes, start, next - 1) === next - 1) {
        ends = ends.subarray(1)
      }
    }
    if (this.#lines) ends = this.#joinLines(start, ends)
    this.#start = next
    this.#line = nextLine
    this.#record += ends.length
    this.#maybeDeep = isDeep
    if (scanner.torn) this.#scanAgain()
    return ends.length === 0 ? undefined : this.#group(start, ends, suspect, line, record)
  }

  /** Makes the newlines that end records commas; those of empty lines stay, as white space. */
  #joinLines(from: number, ends: Uint32Array): Uint32Array {
    let kept = 0
    for (const end of ends) {
      if (skipSpace(this.#bytes, from, end) < end) {
        this.#bytes[end] = COMMA
        ends[kept++] = end
      }
      from = end + 1
    }
    return ends.subarray(0, kept)
  }

  /** After a line that left strings or brackets open, what follows has to be looked at afresh. */
  #scanAgain(): void {
    this.#scanner.reset()
    this.#scanned = this.#start
    this.#scannedLine = this.#line
  }

  #group(start: number, ends: Uint32Array, suspect: boolean, line: number, record: number): Group {
    const text = { bytes: this.#bytes, start, ends, newlinesReplaced: this.#lines, suspect }
    return new Group({ ...text, source: this.#source, origin: this.#origin, line, record }, this.#options)
  }

  /** More input is needed, or there is none: the record at #start is unfinished. */
  #starved(): Group | undefined {
    if (this.#ended && this.#lines) {
      this.#part = 'tail'
      return undefined
    }
    if (this.#ended) throw this.#truncated()

    if (this.#dropping) this.#skipTo(this.#scanned)
    else this.#skipSpace(this.#scanned)
    const { maxRecordBytes, maxDepth } = this.#options
    const isLarge = this.#scanned - this.#start > maxRecordBytes
    if (this.#dropping || (!isLarge && this.#scanner.depth <= maxDepth)) return undefined

    // Refused before it is read whole: a group of what there is of it, which has the same fault.
    const group = this.#group(this.#start, Uint32Array.of(this.#scanned), true, this.#line, this.#record)
    this.#dropping = true
    this.#record++
    return group
  }

  #truncated(): StreamError {
    this.#skipSpace(this.#end)
    const detail = this.#start < this.#end ? `inside ${this.#excerpt()}` : 'its closing bracket is missing'
    return this.error('STREAM_TRUNCATED', 'the array ends early', detail)
  }

  #readTail(): void {
    if (this.#closedByBrace) {
      const detail = 'a brace closes the array'
      throw this.error('STREAM_UNEXPECTED', 'unexpected text', detail, undefined, this.#start - 1)
    }
    this.#skipSpace(this.#end)
    if (this.#start < this.#end) {
      const detail = `${this.#excerpt()} after the end of the array (lines of arrays need format 'ndjson')`
      throw this.error('STREAM_UNEXPECTED', 'unexpected text', detail, undefined, this.#start)
    }
  }

  #skipSpace(limit: number): void {
    this.#skipTo(skipSpace(this.#bytes, this.#start, limit))
  }

  #skipTo(to: number): void {
    this.#line += countNewlines(this.#bytes, this.#start, to)
    this.#start = to
  }

  #excerpt(): string {
    return snippetOf(this.#bytes.subarray(this.#start, this.#end))
  }

  get #offset(): number {
    return this.#start + this.#origin
  }

  #moveToFront(): void {
    const shift = this.#start - TEXT
    this.#bytes.copyWithin(TEXT, this.#start, this.#end)
    this.#start -= shift
    this.#scanned -= shift
    this.#end -= shift
    this.#origin += shift
  }
}

const INITIAL_BYTES = 262_144
const BYTE_ORDER_MARK = 0xefbbbf
const OPENING_BRACKET = 0x5b
const CLOSING_BRACE = 0x7d
const COMMA = 0x2c
const NEWLINE = 0x0a
const SPACE = 0x20
