import { ConnectionsError } from '../errors.ts'

const chunkLength = 64 * 1024

/** Collects rows in the text format of COPY: tabs between values, a newline after each row, `\N` for null. */
export class CopyText {
  readonly #columns: readonly string[]
  #text = ''
  #rows = 0

  constructor(columns: readonly string[]) {
    this.#columns = columns
  }

  /** Whether there is a chunk's worth. */
  get full(): boolean {
    return this.#text.length >= chunkLength
  }

  get empty(): boolean {
    return this.#text === ''
  }

  /**
   * @throws {TypeError} when the row has not one value for each column, or a value that has no text
   * @throws {ConnectionsError} CONNECTIONS_VALUE when a text contains NUL, which Postgres cannot store
   */
  append(row: readonly unknown[]): void {
    this.#rows++
    if (row.length !== this.#columns.length) {
      throw new TypeError(`row ${this.#rows} has ${row.length} values for ${this.#columns.length} columns`)
    }
    let line = ''
    for (let i = 0; i < row.length; i++) {
      if (i > 0) line += '\t'
      const value = row[i]
      if (typeof value === 'string') line += unsafe.test(value) ? this.#escape(value, i) : value
      else if (typeof value === 'number') line += value
      else line += this.#encode(value, i)
    }
    this.#text += `${line}\n`
  }

  take(): Buffer {
    const chunk = Buffer.from(this.#text, 'utf8')
    this.#text = ''
    return chunk
  }

  #encode(value: unknown, column: number): string {
    if (value === null || value === undefined) return '\\N'
    if (typeof value === 'boolean') return value ? 't' : 'f'
    if (ArrayBuffer.isView(value)) return `\\${hex(value)}`
    const text = textOf(value)
    if (text === undefined) throw new TypeError(`${this.#place(column)}: ${typeof value} has no text`)
    return unsafe.test(text) ? this.#escape(text, column) : text
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
}

const unsafe = /[\0\t\n\r\\]/
const unsafeAll = /[\0\t\n\r\\]/g
const escapes: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' }

/** The text of a value that is not null, as `query` would send it: arrays become Postgres arrays, objects JSON. */
function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return arrayText(value)
  if (value instanceof Date) return dateText(value)
  if (ArrayBuffer.isView(value)) return hex(value)
  switch (typeof value) {
    case 'object':
      return JSON.stringify(value)
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return undefined
  }
}

function arrayText(array: readonly unknown[]): string {
  const items = array.map((item) => {
    if (item === null || item === undefined) return 'NULL'
    if (Array.isArray(item)) return arrayText(item)
    const text = textOf(item)
    if (text === undefined) throw new TypeError(`an array with a ${typeof item}, which has no text`)
    return `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}

/** Local time with its offset: a column with a time zone keeps the instant, one without keeps the local time. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError('an invalid Date has no text')
  const offset = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offset * 60_000)
  const year = local.getUTCFullYear()
  const dayAndTime = local
    .toISOString()
    .replace(/^[+-]?\d+/, '')
    .slice(0, -1)
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`
  // There is no year 0: the one before the year 1 is 1 BC.
  return year > 0
    ? `${String(year).padStart(4, '0')}${dayAndTime}${zone}`
    : `${String(1 - year).padStart(4, '0')}${dayAndTime}${zone} BC`
}

function two(number: number): string {
  return String(Math.floor(number)).padStart(2, '0')
}

function hex(bytes: ArrayBufferView): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}
