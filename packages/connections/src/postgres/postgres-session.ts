import type { PostgresClient } from './client.ts'
import type { CopyResult, CopyRows } from './copy-in.ts'
import { Cursor, type CursorOptions, type PostgresCursor } from './cursor.ts'
import type { CopyOptions, QueryOptions, QueryResult } from './options.ts'
import { textOf, type SqlTag } from './sql.ts'

/** Where statements can be run: a pool, a connection on loan, or a transaction. */
export interface PostgresSession {
  /**
   * Runs a statement. With `values`, even none (`[]`), it is prepared once on each connection.
   * @throws {ConnectionsError} CONNECTIONS_QUERY, CONNECTIONS_TIMEOUT, CONNECTIONS_LOST; from a pool also
   * CONNECTIONS_REFUSED, CONNECTIONS_QUEUE_FULL, CONNECTIONS_CLOSED
   */
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<QueryResult<R>>
  /** `query` as a template tag: every `${value}` becomes a parameter. */
  readonly sql: SqlTag
  /**
   * The rows of a statement in batches, in constant memory and as fast as they are taken. It runs in a transaction:
   * the one that is open, else its own, in which a connection on loan runs nothing else. From a pool it has a
   * connection to itself until its last row, or until it is left or disposed. Iterating throws as `query`.
   * @throws {TypeError | RangeError} at once, when an argument is not what it should be
   */
  cursor<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: CursorOptions,
  ): PostgresCursor<R>
  /**
   * Writes rows into a table by COPY, as fast as the server takes them and in constant memory: all of them or,
   * when one fails, none. Table (`schema.table`) and columns are named exactly as they are stored. What the
   * rows' source throws is thrown on unchanged.
   * @throws {ConnectionsError} as `query`, and CONNECTIONS_VALUE
   */
  copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    options?: CopyOptions,
  ): Promise<CopyResult>
}

/**
 * A connection in one holder's hands until its lease or transaction is over. Statements run one after the
 * other, in the order of the calls.
 */
export class LentSession implements PostgresSession {
  readonly #client: PostgresClient
  readonly #signal: AbortSignal | undefined
  #last: Promise<unknown> = Promise.resolve()
  #finished = false
  #ended = false
  #failure: unknown
  /** Set while rows are taken that come later. */
  #copying = false

  constructor(client: PostgresClient, signal?: AbortSignal) {
    this.#client = client
    this.#signal = signal
  }

  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    return this.#next(() => this.#client.query<R>(text, values, this.#within(options)))
  }

  readonly sql: SqlTag = (strings, ...values) => this.query(textOf(strings), values)

  cursor<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: CursorOptions = {},
  ): PostgresCursor<R> {
    const isOver = (): boolean => this.#ended
    return new Cursor<R>(text, values, this.#within(options), async () => ({
      client: this.#client,
      turn: (cursor, step) => this.#next(step, cursor),
      isOver,
      giveBack: () => {},
    }))
  }

  copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    const copy = (): Promise<CopyResult> => this.#client.copyFrom(table, columns, rows, this.#within(options))
    // Rows that come later may come from this very connection, which is taken: both would wait for ever.
    const comesLater = typeof rows === 'object' && rows !== null && Symbol.asyncIterator in rows
    return this.#next(comesLater ? () => this.#exclusively(copy) : copy)
  }

  /** The connection of a session that a pool lent. */
  static clientOf(session: PostgresSession): PostgresClient {
    return (session as LentSession).#client
  }

  /** From here on the connection is somebody else's: what has not been sent is refused. */
  end(): void {
    this.#finished = true
    this.#ended = true
  }

  /** Takes nothing more, and resolves when what was asked for is done, whether somebody waits for it or not. */
  async finish(): Promise<void> {
    this.#finished = true
    await this.#last
  }

  /** What a statement failed with first, even if that was caught. */
  get failure(): unknown {
    return this.#failure
  }

  async #next<R>(run: () => Promise<R>, cursor?: object): Promise<R> {
    if (this.#finished) throw returned()
    if (this.#copying) throw copying()
    const mine = this.#last.then(() => {
      if (this.#ended) throw returned()
      const { cursor: open } = this.#client
      if (open !== undefined && open !== cursor)
        throw new TypeError(
          'a cursor is open on this connection: leave it first, or use both in a transaction',
        )
      return run()
    })
    this.#last = mine.catch((error: unknown) => {
      this.#failure ??= error
    })
    return mine
  }

  async #exclusively<R>(run: () => Promise<R>): Promise<R> {
    this.#copying = true
    try {
      return await run()
    } finally {
      this.#copying = false
    }
  }

  #within<O extends { readonly signal?: AbortSignal | undefined }>(options: O): O {
    if (this.#signal === undefined) return options
    const { signal } = options
    return { ...options, signal: signal ? AbortSignal.any([this.#signal, signal]) : this.#signal }
  }
}

function returned(): TypeError {
  return new TypeError('this connection has been returned: its lease or transaction is over')
}

function copying(): TypeError {
  return new TypeError('this connection takes rows by copyFrom: what they come from needs another connection')
}
