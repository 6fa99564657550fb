import { ConnectionsError } from '../../errors.ts'
import type { PostgresTypes, QueryResult } from '../options.ts'
import type { CommandTag } from './command-tag.ts'
import { protocolError } from './message-reader.ts'
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
  /** The prepared statement whose Parse it carries, until that is taken. */
  parsing: Prepared | undefined
  /** Another statement runs first, whose outcome is nobody's affair unless it fails. */
  hasPrelude = false
  /** It was said as one text, without a Sync of its own. */
  isScript = false
  /** Why it failed. What the server said wins over what came after it. */
  failure: { readonly error: unknown } | undefined
  /** The portal has more rows to give. */
  suspended = false
  /** A setting that the server reports was changed meanwhile. */
  changedParameter = false
  /** Set when nobody wants the rows any more: they are skipped. */
  unwanted = false
  readonly #format: ResultFormat
  #shape: RowShape | undefined
  #rows: unknown[] = []
  #bytes = 0
  #tag: CommandTag | undefined
  #earlierTags: string[] | undefined

  /** Without a format it is one that gives no rows. */
  constructor(format: ResultFormat = noRows) {
    this.#format = format
  }

  /** The result. Of several statements in one text, the last one's. */
  result<R>(): QueryResult<R> {
    return {
      rows: this.#rows as R[],
      rowCount: this.#tag === undefined ? null : this.#tag.rowCount,
      command: this.#tag === undefined ? '' : this.#tag.command,
      fields: this.#shape?.fields ?? [],
    }
  }

  /** What the server says it did: `INSERT 0 1`. Of several statements in one text, the last one's. */
  get tag(): string | undefined {
    return this.#tag?.text
  }

  /** What the server says of the statements in the text, repetitions left out. */
  get tags(): readonly string[] {
    const last = this.#tag === undefined ? [] : [this.#tag.text]
    return this.#earlierTags === undefined ? last : [...this.#earlierTags, ...last]
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
    if (this.unwanted || this.hasPrelude) return
    const shape = this.#shape
    if (shape === undefined) throw protocolError('the server sent a row without a description')
    this.#bytes += end - start
    if (this.#bytes > this.#format.maxBytes) return this.#overflow()
    try {
      this.#rows.push(
        this.#format.rowMode === 'object'
          ? shape.object(buffer, start, end)
          : shape.array(buffer, start, end),
      )
    } catch (error) {
      if (error instanceof ConnectionsError) throw error
      this.#spoil(error)
    }
  }

  /** A row so long that it is not even read. */
  overlongRow(): void {
    if (!this.unwanted) this.#overflow()
  }

  complete(tag: CommandTag): void {
    if (this.hasPrelude) {
      this.hasPrelude = false
      return
    }
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

  /** The server is ready for the next exchange, or the connection is lost. Comes once, and must not throw. */
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
    this.#earlierTags ??= []
    if (this.#earlierTags.at(-1) !== this.#tag.text) this.#earlierTags.push(this.#tag.text)
    this.#tag = undefined
    this.#shape = undefined
    this.#rows = []
    this.#bytes = 0
  }
}

const noRows: ResultFormat = { rowMode: 'array', types: undefined, maxBytes: 0 }
