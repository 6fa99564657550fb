import { describe } from '../check.ts'
import { ConnectionsError } from '../errors.ts'
import { longestNumber, writeNumber } from './copy-number.ts'
import { hex, textOf } from './copy-value.ts'

const chunkBytes = 64 * 1024
/** What a row may be over the chunk without its buffer having to grow. */
const marginBytes = 16 * 1024
/** CopyData's code and length, which go before the rows. */
const headBytes = 5

/**
 * Writes rows in the text format of COPY, into chunks that are CopyData messages: tabs between values, a newline
 * after each row, `\N` for null. Buffers that are given back when they are sent serve again, and plain values are
 * written without a text in between, so that a copy leaves hardly anything to collect.
 */
export class CopyText {
  readonly #columns: readonly string[]
  readonly #spare: Buffer[] = []
  #buffer = newBuffer()
  #length = headBytes
  #rows = 0

  constructor(columns: readonly string[]) {
    this.#columns = columns
  }

  /** Whether there is a chunk's worth. */
  get full(): boolean {
    return this.#length >= chunkBytes
  }

  get empty(): boolean {
    return this.#length === headBytes
  }

  /**
   * @throws {TypeError} when the row has not one value for each column, or a value that has no text
   * @throws {RangeError} when the row is longer than Postgres takes
   * @throws {ConnectionsError} CONNECTIONS_VALUE when a text contains NUL, which Postgres cannot store
   */
  append(row: readonly unknown[]): void {
    this.#rows++
    if (!Array.isArray(row)) {
      throw new TypeError(`row ${this.#rows} must be an array, got ${describe(row)}`)
    }
    if (row.length !== this.#columns.length) {
      throw new TypeError(`row ${this.#rows} has ${row.length} values for ${this.#columns.length} columns`)
    }
    for (let i = 0; i < row.length; i++) {
      if (i > 0) this.#buffer[this.#length++] = codes.tab
      const value = row[i]
      if (typeof value === 'string') this.#string(value, i)
      else if (typeof value === 'number') this.#number(value)
      else this.#other(value, i)
    }
    this.#buffer[this.#length++] = codes.newline
  }

  /** The message with the rows so far. The next rows go into another buffer. */
  take(): Buffer {
    const chunk = this.#buffer.subarray(0, this.#length)
    chunk[0] = codes.copyData
    chunk.writeInt32BE(this.#length - 1, 1)
    this.#buffer = this.#spare.pop() ?? newBuffer()
    this.#length = headBytes
    return chunk
  }

  /** Takes back what `take` gave, to be written over. */
  giveBack(chunk: Buffer): void {
    this.#spare.push(Buffer.from(chunk.buffer))
  }

  #string(text: string, column: number): void {
    const { length } = text
    if (length <= shortLength) {
      this.#reserve(length)
      const buffer = this.#buffer
      let at = this.#length
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127 || code <= codes.carriageReturn || code === codes.backslash) break
        buffer[at++] = code
      }
      if (i === length) {
        this.#length = at
        return
      }
    }
    this.#write(unsafe.test(text) ? this.#escape(text, column) : text)
  }

  #number(value: number): void {
    this.#reserve(longestNumber)
    this.#length = writeNumber(this.#buffer, this.#length, value)
  }

  /** A short text of ASCII characters, none of which needs an escape. */
  #plain(text: string): void {
    const { length } = text
    this.#reserve(length)
    const buffer = this.#buffer
    let at = this.#length
    for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i)
    this.#length = at
  }

  #other(value: unknown, column: number): void {
    if (value === null || value === undefined) this.#plain('\\N')
    else if (typeof value === 'boolean') this.#plain(value ? 't' : 'f')
    else if (ArrayBuffer.isView(value)) this.#write(`\\${hex(value)}`)
    else {
      const text = textOf(value)
      if (text === undefined) throw new TypeError(`${this.#place(column)}: ${typeof value} has no text`)
      this.#string(text, column)
    }
  }

  #write(text: string): void {
    this.#reserve(text.length < shortLength ? 3 * text.length : Buffer.byteLength(text))
    this.#length += this.#buffer.write(text, this.#length)
  }

  #escape(text: string, column: number): string {
    return text.replace(unsafeAll, (character) => {
      const escaped = escapes[character]
      if (escaped !== undefined) return escaped
      const message = `${this.#place(column)}: a text with the character NUL, which Postgres cannot store`
      throw new ConnectionsError('CONNECTIONS_VALUE', message)
    })
  }

  #place(column: number): string {
    return `row ${this.#rows}, column ${this.#columns[column]}`
  }

  /** Makes room for so many bytes and the tab or newline behind them. */
  #reserve(bytes: number): void {
    if (this.#length + bytes < this.#buffer.length) return
    const needed = this.#length + bytes + 1
    if (needed > longestBytes) {
      throw new RangeError(`row ${this.#rows} is longer than the ${longestBytes} bytes that Postgres takes`)
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, needed))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

function newBuffer(): Buffer {
  // Not of the pool that Node.js shares among small buffers: this one comes back whole.
  return Buffer.allocUnsafeSlow(chunkBytes + marginBytes)
}

/** Up to this length a text is written faster here than by the call into Node.js. */
const shortLength = 48
/** Postgres takes no message longer than this (PQ_LARGE_MESSAGE_LIMIT in its libpq.h). */
const longestBytes = 0x3fff_ffff - 1
const codes = {
  tab: 9,
  newline: 10,
  carriageReturn: 13,
  backslash: 92,
  copyData: 100,
} as const
const unsafe = /[\0\t\n\r\\]/
const unsafeAll = /[\0\t\n\r\\]/g
const escapes: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' }
