import type { PostgresTypes, QueryField, QueryOptions } from '../options.ts'
import { PgCursor } from './pg-cursor.ts'
import { asPgError, refused } from './pg-error.ts'
import type { PostgresSession } from '../postgres-session.ts'

/** A statement the way pg takes it: its text, and how to run it. */
export interface PgQueryConfig {
  readonly text: string
  readonly values?: readonly unknown[] | undefined
  /** The name to prepare it under. */
  readonly name?: string | undefined
  readonly rowMode?: 'array' | undefined
  readonly types?: PostgresTypes | undefined
  /** How long it may take, in milliseconds; 0 for the pool's limit. */
  readonly query_timeout?: number | undefined
}

export interface PgArrayConfig extends PgQueryConfig {
  readonly rowMode: 'array'
}

/** A result under pg's names. Of several statements in one text, the last one's, where pg gives an array. */
export interface PgResult<R> {
  command: string
  rowCount: number | null
  /** Always 0: no row has had an OID since Postgres 12. */
  oid: number
  rows: R[]
  fields: QueryField[]
}

/** What hears of an outcome instead of a promise. */
export type PgCallback<T> = (error: Error | undefined, result: T) => void

/** A query object that speaks pg's protocol by itself: a pg-cursor, a pg-query-stream, a `pg.Query`. */
export interface PgSubmittable {
  submit(connection: never): void
}

/** `query` of pg's pools and clients, in its promise and callback forms. */
export interface PgQuery {
  <R extends unknown[] = unknown[]>(config: PgArrayConfig, values?: readonly unknown[]): Promise<PgResult<R>>
  <R = Record<string, unknown>>(
    statement: string | PgQueryConfig,
    values?: readonly unknown[],
  ): Promise<PgResult<R>>
  <R extends unknown[] = unknown[]>(config: PgArrayConfig, callback: PgCallback<PgResult<R>>): void
  <R = Record<string, unknown>>(statement: string | PgQueryConfig, callback: PgCallback<PgResult<R>>): void
  <R = Record<string, unknown>>(
    statement: string | PgQueryConfig,
    values: readonly unknown[] | undefined,
    callback: PgCallback<PgResult<R>>,
  ): void
  /** Starts a cursor, to be read on a client before anything else is asked of it, or in a transaction. */
  <R>(cursor: PgCursor<R>): PgCursor<R>
  /**
   * @throws {TypeError} always: these write to a connection of pg's own. `PgCursor` and `PostgresPool.cursor` read
   * many rows.
   */
  // Generic as pg's own, without which TypeScript compares it too strictly with what libraries ask for.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  <T extends PgSubmittable>(submittable: T): never
}

/** pg's `query` over a session of ours. */
export function pgQueryOver(session: Pick<PostgresSession, 'query' | 'cursor'>): PgQuery {
  const query = (
    statement: string | PgQueryConfig | PgCursor<never> | PgSubmittable,
    values?: readonly unknown[] | PgCallback<PgResult<unknown>>,
    callback?: PgCallback<PgResult<unknown>>,
  ): Promise<PgResult<unknown>> | PgCursor<never> | void => {
    if (isSubmittable(statement)) throw refused('a query object with submit', 'PgCursor or pool.cursor')
    if (statement instanceof PgCursor) {
      PgCursor.start(statement, session)
      return statement
    }
    return typeof values === 'function'
      ? told(run(session, statement, undefined), values)
      : told(run(session, statement, values), callback)
  }
  return query as PgQuery
}

/** The promise, or its outcome told to a callback. What the callback throws is an uncaught exception, as in pg. */
export function told<T>(outcome: Promise<T>, callback: PgCallback<T> | undefined): Promise<T> | void {
  if (callback === undefined) return outcome
  outcome.then(
    (result) => process.nextTick(callback, undefined, result),
    (error: unknown) => process.nextTick(callback, error),
  )
}

async function run(
  session: Pick<PostgresSession, 'query'>,
  statement: string | PgQueryConfig,
  given: readonly unknown[] | undefined,
): Promise<PgResult<unknown>> {
  if (typeof statement !== 'string' && typeof statement?.text !== 'string') {
    throw new TypeError('query takes a text, or an object with a text')
  }
  const config = typeof statement === 'string' ? { text: statement } : statement
  const { text } = config
  const values = given ?? config.values ?? undefined
  // pg sends a text without values as it is, so it may hold several statements; ORMs then give it an empty list.
  const asScript = !config.name && values?.length === 0 && mayBeSeveral.test(text)
  try {
    const result = await session.query<unknown>(text, asScript ? undefined : values, optionsOf(config))
    const { command, rowCount, rows, fields } = result
    return { command, rowCount, oid: 0, rows, fields: fields.slice() }
  } catch (error) {
    throw asPgError(error)
  }
}

function optionsOf({ name, rowMode, types, query_timeout: timeoutMs }: PgQueryConfig): QueryOptions {
  return { name: name || undefined, rowMode: rowMode ?? undefined, types, timeoutMs: timeoutMs || undefined }
}

function isSubmittable(statement: unknown): statement is PgSubmittable {
  return typeof (statement as { submit?: unknown } | null)?.submit === 'function'
}

/** A semicolon with something behind it. */
const mayBeSeveral = /;\s*\S/
