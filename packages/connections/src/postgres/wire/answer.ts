import { ConnectionsError } from '../../errors.ts'
import type { PostgresTypes, QueryResult } from '../options.ts'
import { ProtocolError } from './message-reader.ts'
import type { Prepared } from './prepared-statements.ts'
import type { RowShape } from './row-shape.ts'

/** How the rows of an answer are wanted. */
export interface ResultFormat {
  readonly rowMode: 'object' | 'array'
  /** Parsers other than the connection's. */
  readonly types: PostgresTypes | undefined
  /** The most that a result's values may come to, as the server writes them. */
  readonly maxBytes: number
}

/** What the server answers to one exchange: collected until it is ready for the next. */
export class Answer {
  /** The prepared statement that it runs, which remembers the columns. */
  prepared: Prepared | undefined
  /** Why it failed. What the server said wins over what came after it. */
  failure: { readonly error: unknown } | undefined
  /** The portal has more rows to give. */
  suspended = false
  /** Set when nobody wants the rows any more: they are skipped. */
  unwanted = false
  readonly #format: ResultFormat
  #shape: RowShape | undefined
  #rows: unknown[] = []
  #bytes = 0
  #tag: string | undefined

  constructor(format: ResultFormat) {
    this.#format = format
  }

  /** The result. Of several statements in one text, the last one's. */
  result<R>(): QueryResult<R> {
    const tag = this.#tag ?? ''
    const space = tag.indexOf(' ')
    const count = tag.charCodeAt(tag.length - 1) <= 57 ? Number(tag.slice(tag.lastIndexOf(' ') + 1)) : NaN
    return {
      rows: this.#rows as R[],
      rowCount: count >= 0 ? count : null,
      command: space < 0 ? tag : tag.slice(0, space),
      fields: this.#shape?.fields ?? [],
    }
  }

  /** What the server says it did: `INSERT 0 1`. */
  get tag(): string | undefined {
    return this.#tag
  }

  get rowCount(): number {
    return this.#rows.length
  }

  describe(shape: RowShape | undefined): void {
    this.#next()
    const { types } = this.#format
    this.#shape = types === undefined ? shape : shape?.with(types)
  }

  row(buffer: Buffer, start: number, end: number): void {
    if (this.unwanted) return
    const shape = this.#shape
    if (shape === undefined) throw new ProtocolError('the server sent a row without a description')
    this.#bytes += end - start
    if (this.#bytes > this.#format.maxBytes) return this.#overflow()
    try {
      this.#rows.push(
        this.#format.rowMode === 'object'
          ? shape.object(buffer, start, end)
          : shape.array(buffer, start, end),
      )
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      this.#spoil(error)
    }
  }

  complete(tag: string): void {
    this.#next()
    this.#tag = tag
  }

  fail(error: unknown): void {
    this.failure ??= { error }
  }

  /** The server waits for the data of a COPY. Whoever has none refuses, which fails the statement. */
  copyIn(refuse: (why: string) => void): void {
    refuse('there is no data: use copyFrom')
  }

  /** The server is ready for the next exchange, or the connection is lost. */
  end(): void {}

  /** The result passed its limit: whoever can stops the server from sending more. */
  overflow(_error: ConnectionsError): void {}

  #overflow(): void {
    const message = `the result is larger than maxResultBytes (${this.#format.maxBytes})`
    const error = new ConnectionsError('CONNECTIONS_RESULT_TOO_LARGE', message)
    this.#spoil(error)
    this.overflow(error)
  }

  #spoil(error: unknown): void {
    this.failure ??= { error }
    this.unwanted = true
    this.#rows = []
  }

  /** A text of several statements has several results: what belongs to the one before goes. */
  #next(): void {
    if (this.#tag === undefined) return
    this.#tag = undefined
    this.#shape = undefined
    this.#rows = []
  }
}
