import { describe } from '../../check.ts'
import type { Parameter } from './parameters.ts'

/**
 * Writes messages of Postgres's protocol 3.0 one behind the other into one buffer, so that whatever is to be said
 * at one moment leaves in one piece (PostgreSQL documentation, "Frontend/Backend Protocol", Message Formats).
 */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(initialBytes)
  #length = 0

  /** How many bytes are written and not taken. */
  get length(): number {
    return this.#length
  }

  /** What has been written, to be sent. The writer is empty then. */
  take(): Buffer {
    const written = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    // A buffer that has grown large goes itself; a small one is copied and stays.
    if (this.#buffer.length <= 16 * initialBytes) return Buffer.from(written)
    this.#buffer = Buffer.allocUnsafe(initialBytes)
    return written
  }

  /** Forgets what has been written since the writer had this length. */
  truncate(length: number): void {
    this.#length = length
  }

  /** Query: one text, perhaps of several statements, without values. */
  query(text: string): void {
    const start = this.#begin(81)
    this.#text('text', text)
    this.#end(start)
  }

  /** Parse: prepares a text under a name, or under none. */
  parse(name: string, text: string): void {
    const start = this.#begin(80)
    this.#text('name', name)
    this.#text('text', text)
    this.#int16(0)
    this.#end(start)
  }

  /**
   * Bind: opens a portal of a prepared statement with its values. Results are asked for as text.
   * @throws {RangeError} for more values than the protocol can count
   */
  bind(portal: string, name: string, values: readonly Parameter[]): void {
    if (values.length > 65_535) {
      throw new RangeError(`values must be at most 65535, got ${values.length}`)
    }
    const start = this.#begin(66)
    this.#name(portal)
    this.#name(name)
    this.#int16(values.length)
    let format = this.#length
    for (let i = 0; i < values.length; i++) this.#int16(0)
    this.#int16(values.length)
    for (const value of values) {
      if (this.#value(value)) this.#buffer[format + 1] = 1
      format += 2
    }
    this.#int16(0)
    this.#end(start)
  }

  /** Describe: asks for the columns of a prepared statement. */
  describeStatement(name: string): void {
    this.#named(68, 'S', name)
  }

  /** Describe: asks for the columns of an open portal. */
  describePortal(portal: string): void {
    this.#named(68, 'P', portal)
  }

  /** Execute: runs a portal; for at most `maxRows` rows, or to its end when that is 0. */
  execute(portal: string, maxRows: number): void {
    const start = this.#begin(69)
    this.#name(portal)
    this.#int32(maxRows)
    this.#end(start)
  }

  /** Close: frees a prepared statement. */
  closeStatement(name: string): void {
    this.#named(67, 'S', name)
  }

  /** Close: frees a portal. */
  closePortal(portal: string): void {
    this.#named(67, 'P', portal)
  }

  /** Sync: ends the exchange; the server answers ReadyForQuery. */
  sync(): void {
    this.#end(this.#begin(83))
  }

  copyDone(): void {
    this.#end(this.#begin(99))
  }

  copyFail(message: string): void {
    const start = this.#begin(102)
    this.#text('message', message)
    this.#end(start)
  }

  terminate(): void {
    this.#end(this.#begin(88))
  }

  #named(code: number, kind: 'S' | 'P', name: string): void {
    const start = this.#begin(code)
    this.#reserve(1)
    this.#buffer[this.#length++] = kind.charCodeAt(0)
    this.#name(name)
    this.#end(start)
  }

  /** A parameter's length and bytes. Tells whether they are to be taken as binary. */
  #value(value: Parameter): boolean {
    if (value === null || value === undefined) {
      this.#int32(-1)
      return false
    }
    this.#int32(0)
    const start = this.#length
    const binary = typeof value === 'object'
    if (binary) this.#bytes(value)
    else this.#string(typeof value === 'string' ? value : String(value))
    this.#putInt32(start - 4, this.#length - start)
    return binary
  }

  #begin(code: number): number {
    this.#reserve(5)
    const start = this.#length
    this.#buffer[start] = code
    this.#length = start + 5
    return start
  }

  #end(start: number): void {
    const bytes = this.#length - start - 1
    if (bytes > longestBytes) {
      throw new RangeError(`a statement and its values must be at most ${longestBytes} bytes, got ${bytes}`)
    }
    this.#putInt32(start + 1, bytes)
  }

  /** A NUL would end the text early, and what follows be read as something else. */
  #text(what: string, text: string): void {
    if (text.includes('\0')) {
      throw new TypeError(`${what} must not contain NUL, got ${describe(text.slice(0, 40))}`)
    }
    this.#name(text)
  }

  /** A text that is known to have no NUL: the name of what has been parsed, or one of our own. */
  #name(name: string): void {
    this.#string(name)
    this.#reserve(1)
    this.#buffer[this.#length++] = 0
  }

  #string(text: string): void {
    const { length } = text
    this.#reserve(length < initialBytes ? 3 * length : Buffer.byteLength(text))
    const buffer = this.#buffer
    let at = this.#length
    // Short plain text is written faster here than by the call into Node.js.
    if (length <= 32) {
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) break
        buffer[at++] = code
      }
      if (i === length) {
        this.#length = at
        return
      }
    }
    this.#length += buffer.write(text, this.#length)
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #int16(value: number): void {
    this.#reserve(2)
    this.#buffer[this.#length++] = value >> 8
    this.#buffer[this.#length++] = value
  }

  #int32(value: number): void {
    this.#reserve(4)
    this.#putInt32(this.#length, value)
    this.#length += 4
  }

  #putInt32(at: number, value: number): void {
    const buffer = this.#buffer
    buffer[at] = value >> 24
    buffer[at + 1] = value >> 16
    buffer[at + 2] = value >> 8
    buffer[at + 3] = value
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

const initialBytes = 16_384
/** Postgres takes no message longer than this (PQ_LARGE_MESSAGE_LIMIT in its libpq.h). */
const longestBytes = 0x3fff_ffff - 1
