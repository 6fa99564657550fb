import {
  carriageReturn,
  colon,
  comma,
  excerpt,
  hexValue,
  isBlank,
  isDigit,
  isTokenByte,
  lineFeed,
  semicolon,
  space,
  startsWith,
  zero,
} from './ascii.ts'

/** What a parser says after each read: the response goes on, is whole, or is not HTTP/1.1. */
export type ParserVerdict = 'more' | 'done' | 'malformed'

/**
 * Reads HTTP/1.1 responses, one at a time, from reads of any size (RFC 9112). It looks at no more than it needs
 * to find the end of a response, and keeps headers and body only when `maxKeptBytes` asks for them.
 */
export class ResponseParser {
  status = 0
  /** The connection may carry another request after this response. */
  keepAlive = true
  /** Why the verdict was `malformed`. */
  fault = ''
  /** Header fields by lower-case name, when they are kept. */
  headers: Record<string, string> = {}
  /** The body's size so far, kept or not. */
  bodyBytes = 0

  readonly #maxHeaderBytes: number
  readonly #maxKeptBytes: number | undefined
  #state: State = 'done'
  #isHead = false
  #left = 0
  #length = -1
  #chunked = false
  #encoded = false
  #headBytes = 0
  #line = Buffer.alloc(0)
  #lineBytes = 0
  #kept: Buffer[] = []
  #keptBytes = 0

  constructor(maxHeaderBytes: number, maxKeptBytes?: number) {
    this.#maxHeaderBytes = maxHeaderBytes
    this.#maxKeptBytes = maxKeptBytes
  }

  /** As much of the body as was kept. */
  get body(): Buffer {
    return this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept)
  }

  /** Makes ready for the response to the request just written. */
  begin(isHead: boolean): void {
    this.#isHead = isHead
    this.#startHead()
    this.fault = ''
    this.bodyBytes = 0
    this.#lineBytes = 0
    if (this.#maxKeptBytes !== undefined) {
      this.#kept = []
      this.#keptBytes = 0
    }
  }

  /** Takes the first `length` bytes of a read. They may be overwritten afterwards. */
  push(bytes: Buffer, length: number): ParserVerdict {
    let at = 0
    while (at < length) {
      switch (this.#state) {
        case 'body':
        case 'chunk': {
          const end = Math.min(at + this.#left, length)
          this.#takeBody(bytes, at, end)
          this.#left -= end - at
          at = end
          if (this.#left === 0) this.#state = this.#state === 'body' ? 'done' : 'chunk-end'
          break
        }
        case 'done':
          this.#fail('bytes after the end of the response')
          break
        default:
          at = this.#takeLine(bytes, at, length)
      }
      if (this.fault !== '') return 'malformed'
    }
    return this.#state === 'done' ? 'done' : 'more'
  }

  /** The target closed the connection: whole only if nothing but the close could end the response. */
  end(): ParserVerdict {
    return this.#state === 'body' && this.#left === Infinity ? 'done' : 'more'
  }

  #startHead(): void {
    this.#state = 'status'
    this.#length = -1
    this.#chunked = false
    this.#encoded = false
    this.#headBytes = 0
    if (this.#maxKeptBytes !== undefined) this.headers = Object.create(null)
  }

  #takeBody(bytes: Buffer, from: number, to: number): void {
    this.bodyBytes += to - from
    if (this.#maxKeptBytes === undefined) return
    const end = Math.min(to, from + this.#maxKeptBytes - this.#keptBytes)
    if (end === from) return
    this.#kept.push(Buffer.from(bytes.subarray(from, end)))
    this.#keptBytes += end - from
  }

  #takeLine(bytes: Buffer, from: number, length: number): number {
    let end = from
    while (end < length && bytes[end] !== lineFeed) end++
    this.#headBytes += Math.min(end + 1, length) - from
    if (this.#headBytes > this.#maxHeaderBytes) {
      this.#fail(`a head of more than ${this.#maxHeaderBytes} bytes`)
    } else if (end === length) {
      this.#keepLine(bytes, from, end)
    } else if (this.#lineBytes === 0) {
      this.#parseLine(bytes, from, end)
    } else {
      this.#keepLine(bytes, from, end)
      this.#parseLine(this.#line, 0, this.#lineBytes)
      this.#lineBytes = 0
    }
    return end + 1
  }

  #keepLine(bytes: Buffer, from: number, to: number): void {
    const size = this.#lineBytes + to - from
    if (size > this.#line.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * size, 256))
      this.#line.copy(larger, 0, 0, this.#lineBytes)
      this.#line = larger
    }
    bytes.copy(this.#line, this.#lineBytes, from, to)
    this.#lineBytes = size
  }

  #parseLine(bytes: Buffer, from: number, lineFeedAt: number): void {
    // RFC 9112 §2.2 lets a lone line feed end a line.
    const to = lineFeedAt > from && bytes[lineFeedAt - 1] === carriageReturn ? lineFeedAt - 1 : lineFeedAt
    switch (this.#state) {
      case 'status':
        return this.#parseStatus(bytes, from, to)
      case 'header':
        return to === from ? this.#endHead() : this.#parseHeader(bytes, from, to)
      case 'chunk-size':
        return this.#parseChunkSize(bytes, from, to)
      case 'chunk-end':
        this.#state = 'chunk-size'
        return to === from ? undefined : this.#fail('a chunk longer than its size')
      default:
        if (to === from) this.#state = 'done'
    }
  }

  #parseStatus(bytes: Buffer, from: number, to: number): void {
    const minor = bytes[from + 7]! - zero
    const status = bytes[from + 9]! * 100 + bytes[from + 10]! * 10 + bytes[from + 11]! - zero * 111
    const isStatus =
      to - from >= 12 &&
      startsWith(bytes, from, 'http/1.') &&
      (minor === 0 || minor === 1) &&
      bytes[from + 8] === space &&
      isDigit(bytes[from + 9]!) &&
      isDigit(bytes[from + 10]!) &&
      isDigit(bytes[from + 11]!) &&
      (to - from === 12 || bytes[from + 12] === space)
    if (!isStatus || status < 100 || status > 599)
      return this.#fail(`no status line: ${excerpt(bytes, from, to)}`)
    this.status = status
    this.keepAlive = minor === 1
    this.#state = 'header'
  }

  #parseHeader(bytes: Buffer, from: number, to: number): void {
    let nameEnd = from
    while (nameEnd < to && isTokenByte(bytes[nameEnd]!)) nameEnd++
    if (nameEnd === from || nameEnd === to || bytes[nameEnd] !== colon) {
      return this.#fail(`no header: ${excerpt(bytes, from, to)}`)
    }
    let start = nameEnd + 1
    let end = to
    while (start < end && isBlank(bytes[start]!)) start++
    while (end > start && isBlank(bytes[end - 1]!)) end--
    const nameBytes = nameEnd - from
    if (nameBytes === 14 && startsWith(bytes, from, 'content-length')) this.#parseLength(bytes, start, end)
    else if (nameBytes === 10 && startsWith(bytes, from, 'connection'))
      this.#parseConnection(bytes, start, end)
    else if (nameBytes === 17 && startsWith(bytes, from, 'transfer-encoding')) {
      this.#encoded = true
      this.#chunked = endsWithChunked(bytes, start, end)
    }
    if (this.#maxKeptBytes !== undefined) {
      const name = bytes.toString('latin1', from, nameEnd).toLowerCase()
      const value = bytes.toString('latin1', start, end)
      this.headers[name] = name in this.headers ? `${this.headers[name]}, ${value}` : value
    }
  }

  #parseLength(bytes: Buffer, from: number, to: number): void {
    let length = 0
    let at = from
    for (; at < to && isDigit(bytes[at]!); at++) length = length * 10 + bytes[at]! - zero
    const isLength = at > from && at === to && length <= Number.MAX_SAFE_INTEGER
    if (!isLength || (this.#length !== -1 && this.#length !== length)) {
      return this.#fail(`no content length: ${excerpt(bytes, from, to)}`)
    }
    this.#length = length
  }

  #parseConnection(bytes: Buffer, from: number, to: number): void {
    // By far the most frequent value, worth no string.
    if (to - from === 10 && startsWith(bytes, from, 'keep-alive')) this.keepAlive = true
    else {
      const options = bytes
        .toString('latin1', from, to)
        .toLowerCase()
        .split(/[\t ,]+/)
      if (options.includes('close')) this.keepAlive = false
      else if (options.includes('keep-alive')) this.keepAlive = true
    }
  }

  /** Finds out how the body ends: RFC 9112 §6.3. */
  #endHead(): void {
    if (this.status === 101) return this.#fail('a switch to another protocol')
    if (this.status < 200) return this.#startHead()
    if (this.#encoded && this.#length !== -1)
      return this.#fail('both a content length and a transfer encoding')
    this.#state = 'done'
    if (this.#isHead || this.status === 204 || this.status === 304 || this.#length === 0) return
    if (this.#chunked) {
      this.#headBytes = 0
      this.#state = 'chunk-size'
    } else {
      if (this.#length === -1) this.keepAlive = false
      this.#left = this.#length === -1 ? Infinity : this.#length
      this.#state = 'body'
    }
  }

  #parseChunkSize(bytes: Buffer, from: number, to: number): void {
    let size = 0
    let at = from
    for (; at < to && hexValue(bytes[at]!) >= 0; at++) size = size * 16 + hexValue(bytes[at]!)
    const isSize = at > from && size <= Number.MAX_SAFE_INTEGER
    const isEnded = at === to || bytes[at] === semicolon || isBlank(bytes[at]!)
    if (!isSize || !isEnded) return this.#fail(`no chunk size: ${excerpt(bytes, from, to)}`)
    this.#left = size
    this.#headBytes = 0
    this.#state = size === 0 ? 'trailer' : 'chunk'
  }

  #fail(fault: string): void {
    this.fault = fault
  }
}

// What the next byte belongs to. `chunk-end` is the line break after a chunk's data.
type State = 'status' | 'header' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'done'

function endsWithChunked(bytes: Buffer, from: number, to: number): boolean {
  const at = to - 'chunked'.length
  if (at < from || !startsWith(bytes, at, 'chunked')) return false
  return at === from || bytes[at - 1] === comma || isBlank(bytes[at - 1]!)
}
