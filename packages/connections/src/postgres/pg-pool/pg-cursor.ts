import type { PostgresCursor } from '../cursor.ts'
import { asPgError } from './pg-error.ts'
import type { PostgresSession } from '../postgres-session.ts'

/**
 * A cursor in the shape of `pg-cursor`, for a client of ours: `client.query(new PgCursor(text, values))`. It is what
 * Kysely streams with when its dialect is given it as `cursor`.
 */
export class PgCursor<R = Record<string, unknown>> {
  readonly #text: string
  readonly #values: readonly unknown[]
  #session: Pick<PostgresSession, 'cursor'> | undefined
  #cursor: PostgresCursor<R> | undefined
  #batches: AsyncIterator<R[], void> | undefined
  #left: R[] = []

  constructor(text: string, values: readonly unknown[] = []) {
    this.#text = text
    this.#values = values
  }

  /** Lets it run on a session: what `query` does with it. @throws {TypeError} when it already does */
  static start(cursor: PgCursor<never>, session: Pick<PostgresSession, 'cursor'>): void {
    if (cursor.#session !== undefined) throw new TypeError('this cursor has been started already')
    cursor.#session = session
  }

  /** The next rows: so many of them, unless there are no more. The first read runs the statement. */
  async read(rowCount: number): Promise<R[]> {
    this.#batches ??= this.#open(rowCount)
    try {
      while (this.#left.length < rowCount) {
        const { done, value } = await this.#batches.next()
        if (done) break
        this.#left = this.#left.length === 0 ? value : [...this.#left, ...value]
      }
    } catch (error) {
      throw asPgError(error)
    }
    return this.#left.splice(0, rowCount)
  }

  /** Ends it, with rows left or not. */
  async close(): Promise<void> {
    this.#left = []
    await this.#cursor?.[Symbol.asyncDispose]()
  }

  #open(batchSize: number): AsyncIterator<R[], void> {
    if (this.#session === undefined) throw new TypeError('give the cursor to query() of a client first')
    this.#cursor = this.#session.cursor<R>(this.#text, this.#values, { batchSize })
    return this.#cursor[Symbol.asyncIterator]()
  }
}
