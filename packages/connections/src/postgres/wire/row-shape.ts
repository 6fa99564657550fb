import type { PostgresTypes, QueryField } from '../options.ts'
import type { ConnectionsError } from '../../errors.ts'
import { endOfText, protocolError, readInt16, readInt32, readUint32 } from './message-reader.ts'
import { pgTypes } from './pg.ts'

/** The columns of a result: their names, and how their values are read. */
export class RowShape {
  readonly fields: readonly QueryField[]
  readonly #names: readonly string[]
  /** For each column its parser, or `undefined` where it is pg's own for integers, done here without a string. */
  readonly #parsers: readonly (Parser | undefined)[]
  readonly #empty: Record<string, unknown>
  #other: { readonly types: PostgresTypes; readonly shape: RowShape } | undefined

  /** Reads a RowDescription. */
  static read(buffer: Buffer, start: number, end: number, types: PostgresTypes | undefined): RowShape {
    const fields: QueryField[] = []
    let at = start + 2
    if (at > end) throw brokenShape()
    for (let i = readInt16(buffer, start); i > 0; i--) {
      const nameEnd = endOfText(buffer, at, end)
      const name = buffer.toString('utf8', at, nameEnd)
      at = nameEnd + 1
      if (at + 18 > end) throw brokenShape()
      fields.push({
        name,
        tableID: readUint32(buffer, at),
        columnID: readInt16(buffer, at + 4),
        dataTypeID: readUint32(buffer, at + 6),
        dataTypeSize: readInt16(buffer, at + 10),
        dataTypeModifier: readInt32(buffer, at + 12),
        format: 'text',
      })
      at += 18
    }
    if (at !== end) throw brokenShape()
    return new RowShape(fields, types)
  }

  constructor(fields: readonly QueryField[], types: PostgresTypes | undefined) {
    this.fields = fields
    this.#names = fields.map(({ name }) => name)
    this.#parsers = fields.map(({ dataTypeID }) => parserOf(dataTypeID, types))
    this.#empty = Object.fromEntries(this.#names.map((name) => [name, null]))
  }

  /** The same columns, read by other parsers. Those asked for last are kept: they tend to be the next ones too. */
  with(types: PostgresTypes): RowShape {
    if (this.#other?.types !== types) this.#other = { types, shape: new RowShape(this.fields, types) }
    return this.#other.shape
  }

  /** Reads a DataRow as an object. Of columns with the same name the last counts. */
  object(buffer: Buffer, start: number, end: number): Record<string, unknown> {
    const names = this.#names
    const parsers = this.#parsers
    const row = { ...this.#empty }
    let at = this.#begin(buffer, start)
    for (let i = 0; i < names.length; i++) {
      const bytes = readInt32(buffer, at)
      at += 4
      if (bytes < 0) {
        row[names[i]!] = null
        continue
      }
      if (at + bytes > end) throw brokenRow()
      const parser = parsers[i]
      row[names[i]!] = parser === undefined ? integer(buffer, at, bytes) : parser(readText(buffer, at, bytes))
      at += bytes
    }
    if (at !== end) throw brokenRow()
    return row
  }

  /** Reads a DataRow as an array. */
  array(buffer: Buffer, start: number, end: number): unknown[] {
    const parsers = this.#parsers
    const row: unknown[] = []
    let at = this.#begin(buffer, start)
    for (const parser of parsers) {
      const bytes = readInt32(buffer, at)
      at += 4
      if (bytes < 0) {
        row.push(null)
        continue
      }
      if (at + bytes > end) throw brokenRow()
      row.push(parser === undefined ? integer(buffer, at, bytes) : parser(readText(buffer, at, bytes)))
      at += bytes
    }
    if (at !== end) throw brokenRow()
    return row
  }

  #begin(buffer: Buffer, start: number): number {
    if (readInt16(buffer, start) !== this.#names.length) throw brokenRow()
    return start + 2
  }
}

type Parser = (text: string) => unknown

function parserOf(oid: number, types: PostgresTypes | undefined): Parser | undefined {
  const parser = (types ?? pgTypes).getTypeParser(oid, 'text')
  return pgInteger !== undefined && parser === pgInteger && integerTypes.includes(oid) ? undefined : parser
}

/** int2, int4 and oid, which pg reads with one parser. One that the service has put in its place has another name. */
const integerTypes = [21, 23, 26]
const pgInteger = integerTypes
  .map((oid) => pgTypes.getTypeParser(oid, 'text'))
  .find(({ name }) => name === 'parseInteger')

function integer(buffer: Buffer, start: number, bytes: number): number {
  const end = start + bytes
  const negative = buffer[start] === 45
  let value = 0
  for (let at = negative ? start + 1 : start; at < end; at++) value = value * 10 + (buffer[at]! - 48)
  return negative ? -value : value
}

/** Text of up to four plain letters, such as a boolean, is made faster here than by the call into Node.js. */
function readText(buffer: Buffer, at: number, bytes: number): string {
  if (bytes > 4 || bytes === 0) return buffer.toString('utf8', at, at + bytes)
  const a = buffer[at]!
  const b = bytes > 1 ? buffer[at + 1]! : 0
  const c = bytes > 2 ? buffer[at + 2]! : 0
  const d = bytes > 3 ? buffer[at + 3]! : 0
  if ((a | b | c | d) > 127) return buffer.toString('utf8', at, at + bytes)
  if (bytes === 1) return String.fromCharCode(a)
  if (bytes === 2) return String.fromCharCode(a, b)
  return bytes === 3 ? String.fromCharCode(a, b, c) : String.fromCharCode(a, b, c, d)
}

function brokenShape(): ConnectionsError {
  return protocolError('the server sent a broken description of columns')
}

function brokenRow(): ConnectionsError {
  return protocolError('the server sent a row that does not fit its description')
}
