import type {
  Capacity,
  ConnectionLease,
  ConnectionPool,
  Driver,
  HealthOptions,
  WarmOptions,
} from '../driver.ts'
import { checkMs } from '../check.ts'
import { closeDefaults, type CloseOptions, type CloseReport, type HealthCheck } from '../report.ts'
import type { CopyResult, CopyRows } from './copy-in.ts'
import { Cursor, type CursorHost, type CursorOptions, type PostgresCursor } from './cursor.ts'
import type { ListenOptions, PostgresListener } from './listener.ts'
import {
  checkOptions,
  checkStatement,
  type CheckedOptions,
  type CopyOptions,
  type LeaseOptions,
  type PostgresOptions,
  type QueryOptions,
  type QueryResult,
  type TransactionOptions,
} from './options.ts'
import { PgPoolAdapter } from './pg-pool/pg-pool-adapter.ts'
import { PostgresServer, type ServerStats } from './postgres-server.ts'
import type { PostgresSession } from './postgres-session.ts'
import { refusedWrite, Replicas, type ReplicaStats, type TimeLeft } from './replicas.ts'
import { textOf, type SqlTag } from './sql.ts'
import { unlessAborted } from './transaction.ts'

/** The driver of a Postgres server, for a `ConnectionPoolManager` or to `open()` a pool with by itself. */
export function postgres(options: PostgresOptions = {}): PostgresDriver {
  const checked = checkOptions(options)
  return { open: (name = `postgres-${++unnamed}`) => new PostgresPool(checked.name ?? name, checked) }
}

export interface PostgresDriver extends Driver<PostgresPool> {
  open(name?: string): PostgresPool
}

/** The figures of the connections and of what went over them. The counts only grow. */
export type PostgresStats = ServerStats &
  ReplicaStats &
  Readonly<{
    /** What was for a replica and went to the primary. */
    fallbacks: number
  }>

/** Connections to one Postgres server, opened on demand up to `maxSize` and kept for the next caller. */
export class PostgresPool implements PostgresSession, ConnectionPool<PostgresSession>, AsyncDisposable {
  readonly name: string
  readonly #options: CheckedOptions
  readonly #primary: PostgresServer
  readonly #replicas: Replicas | undefined
  #closing: Promise<CloseReport> | undefined
  #pgPool: PgPoolAdapter | undefined

  /** Made by `postgres(options).open()`. */
  constructor(name: string, options: CheckedOptions) {
    this.name = name
    this.#options = options
    this.#primary = new PostgresServer(name, options, () => this.#replicaFigures())
    if (options.replicas?.length) this.#replicas = new Replicas(options, this.#primary)
  }

  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    if (options.replica === true) return this.#read(text, values, options)
    return this.#primary.query(text, values, options)
  }

  readonly sql: SqlTag = (strings, ...values) => this.query(textOf(strings), values)

  cursor<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: CursorOptions = {},
  ): PostgresCursor<R> {
    return new Cursor<R>(text, values, options, async () => {
      const { signal } = options
      const open = (server: PostgresServer): Promise<CursorHost> =>
        server.hostCursor(text, signal, options.replica)
      if (options.replica !== true || this.#replicas === undefined) return open(this.#primary)
      return this.#replicas.run(open, () => open(this.#primary), { signal })
    })
  }

  copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    return this.#primary.copyFrom(table, columns, rows, options)
  }

  /**
   * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects or its limit or signal
   * ends it. With `retries`, `work` may run several times: it must have no effects outside the transaction.
   * @throws {ConnectionsError} as `query`; CONNECTIONS_ROLLED_BACK when `work` swallowed a statement's failure
   */
  async transaction<R>(
    work: (session: PostgresSession) => R | Promise<R>,
    options: TransactionOptions = {},
  ): Promise<R> {
    if (options.replica !== true || this.#replicas === undefined) return this.#primary.transact(work, options)
    let begun = false
    const watched = (session: PostgresSession): R | Promise<R> => {
      begun = true
      return work(session)
    }
    return this.#replicas.run(
      (server) => server.transact(watched, options),
      (left) => this.#primary.transact(work, { ...options, ...left }),
      { ...options, mayMove: () => !begun },
    )
  }

  /**
   * Lends a connection for its holder alone. On its return an open transaction is rolled back, and what else
   * was set on it (`SET`, temporary tables, advisory locks) is discarded.
   */
  getConnection(options: LeaseOptions = {}): Promise<ConnectionLease<PostgresSession>> {
    return this.#primary.lend(options)
  }

  /** This pool in the shape of pg's `Pool`, for Drizzle, Kysely and what else was written for that. */
  asPgPool(): PgPoolAdapter {
    return (this.#pgPool ??= new PgPoolAdapter(this, this.#options))
  }

  /**
   * Listens to a channel, named exactly as in `NOTIFY`'s quotes or `pg_notify`; resolves when the server has taken
   * note. All listeners share one of the pool's connections, and have another when it is lost.
   * @throws {ConnectionsError} as `query`; the iteration CONNECTIONS_BUFFER_FULL
   * @throws {TypeError} with `pgBouncer`, through which nothing can be heard
   */
  async listen(channel: string, options?: ListenOptions): Promise<PostgresListener> {
    if (this.#options.pgBouncer)
      throw new TypeError('listen does not go through PgBouncer: connect to Postgres')
    return this.#primary.listen(channel, options)
  }

  /**
   * Connects until `minSize` connections are open, at least one, and checks that the server takes `maxSize`.
   * @throws {ConnectionsError} CONNECTIONS_TOO_MANY when it does not; CONNECTIONS_REFUSED, CONNECTIONS_TIMEOUT
   */
  async warm({ signal }: WarmOptions = {}): Promise<void> {
    const replicas = this.#replicas?.warm({ signal })
    await this.#primary.warm({ signal })
    await unlessAborted(Promise.resolve(replicas), signal)
  }

  /** How many connections the pool may open, and how many the server takes of it. Behind PgBouncer that is not known. */
  capacity(options?: WarmOptions): Promise<Capacity | undefined> {
    return this.#primary.capacity(options)
  }

  /** Asks the server for a sign of life, and each replica. Never rejects. */
  async health({ signal, timeoutMs }: HealthOptions = {}): Promise<HealthCheck> {
    const asked = this.#replicas?.health({ signal, timeoutMs })
    const check = await this.#primary.health({ signal, timeoutMs })
    const parts = await asked
    return parts === undefined ? check : Object.freeze({ ...check, parts })
  }

  stats(): PostgresStats {
    return Object.freeze({ ...this.#primary.stats(), ...this.#replicaFigures() })
  }

  /**
   * Takes no more callers, waits for the connections on loan, and at the deadline hangs up on their holders and
   * interrupts their statements.
   */
  close({ deadlineMs = closeDefaults.deadlineMs }: CloseOptions = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    return (this.#closing ??= this.#close(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    const reports = await Promise.all([
      this.#primary.close(deadlineMs),
      ...(this.#replicas?.close(deadlineMs) ?? []),
    ])
    return Object.freeze({
      closed: reports.every(({ closed }) => closed),
      ms: performance.now() - startedAt,
      holders: Object.freeze(
        reports.flatMap(({ holders }) => holders.map((holder) => Object.freeze(holder))),
      ),
    })
  }

  /** Runs a statement on a replica if there is one that is fit, else here; in either place it only reads. */
  async #read<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    checkStatement(text, values, options)
    const here = (left?: TimeLeft): Promise<QueryResult<R>> =>
      this.#primary.query<R>(text, values, { ...options, ...left })
    try {
      if (this.#replicas === undefined) return await here()
      return await this.#replicas.run((server) => server.query<R>(text, values, options), here, options)
    } catch (error) {
      throw refusedWrite(this.name, text, error)
    }
  }

  #replicaFigures(): ReplicaStats & { readonly fallbacks: number } {
    return { fallbacks: this.#replicas?.fallbacks ?? 0, ...this.#replicas?.stats() }
  }
}

let unnamed = 0
