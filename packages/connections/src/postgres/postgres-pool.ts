import type { PoolStats } from '@code/pool'
import { checkCapacities } from '../capacity.ts'
import { checkMs } from '../check.ts'
import type {
  Capacity,
  ConnectionLease,
  ConnectionPool,
  Driver,
  GetConnectionOptions,
  HealthOptions,
  WarmOptions,
} from '../driver.ts'
import { registerInstrument } from '../instrument.ts'
import { closeDefaults, type CloseOptions, type CloseReport, type HealthCheck } from '../report.ts'
import { retryChannel, type RetryMessage } from '../telemetry.ts'
import type { PostgresClient } from './client.ts'
import { Clients } from './clients.ts'
import type { CopyResult, CopyRows } from './copy-in.ts'
import { Cursor, type CursorHost, type CursorOptions, type PostgresCursor } from './cursor.ts'
import { brief } from './failures.ts'
import { Listening } from './listen.ts'
import type { ListenOptions, PostgresListener } from './listener.ts'
import {
  checkOptions,
  checkStatement,
  type CheckedOptions,
  type CopyOptions,
  type PostgresOptions,
  type QueryOptions,
  type QueryResult,
  type TransactionOptions,
} from './options.ts'
import { Multiplexer } from './multiplexer/multiplexer.ts'
import { PgPoolAdapter } from './pg-pool/pg-pool-adapter.ts'
import { refusedWrite, Replicas, type ReplicaStats, type TimeLeft } from './replicas.ts'
import { LentSession, type PostgresSession } from './postgres-session.ts'
import { StatementLog } from './statement-log.ts'
import { textOf, type SqlTag } from './sql.ts'
import { Transaction, unlessAborted } from './transaction.ts'

/** The driver of a Postgres server, for a `ConnectionPoolManager` or to `open()` a pool with by itself. */
export function postgres(options: PostgresOptions = {}): PostgresDriver {
  const checked = checkOptions(options)
  return { open: (name = `postgres-${++unnamed}`) => new PostgresPool(checked.name ?? name, checked) }
}

export interface PostgresDriver extends Driver<PostgresPool> {
  open(name?: string): PostgresPool
}

/** The figures of the connections and of what went over them. The counts only grow. */
export type PostgresStats = PoolStats &
  Readonly<{
    statements: number
    failures: number
    /** Transactions run again. */
    retries: number
    /** What was for a replica and went to the primary. */
    fallbacks: number
  }> &
  ReplicaStats

/** Connections to one Postgres server, opened on demand up to `maxSize` and kept for the next caller. */
export class PostgresPool implements PostgresSession, ConnectionPool<PostgresSession>, AsyncDisposable {
  readonly name: string
  readonly #options: CheckedOptions
  readonly #clients: Clients
  readonly #log: StatementLog
  readonly #multiplexer: Multiplexer | undefined
  // What the object pool's own instrument does not tell.
  readonly #traffic = {
    stats: () => ({
      ...this.#log.counts,
      retries: this.#retries,
      waiting: this.#waiting,
      fallbacks: this.#replicas?.fallbacks ?? 0,
      ...this.#replicas?.stats(),
    }),
  }
  readonly #replicas: Replicas | undefined
  readonly #unregister: () => void
  #retries = 0
  readonly #listening = new Listening({
    take: (signal) => this.#clients.take({ signal }, { label: 'listen', lasting: true }),
    giveBack: (client) => this.#clients.giveBack(client),
  })
  #closing: Promise<CloseReport> | undefined
  #pgPool: PgPoolAdapter | undefined

  /** Made by `postgres(options).open()`. */
  constructor(name: string, options: CheckedOptions) {
    this.name = name
    this.#options = options
    this.#log = new StatementLog(name, options.slowMs)
    this.#clients = new Clients(name, options, this.#log, () => this.#multiplexer?.yieldLine())
    if (options.multiplex) this.#multiplexer = this.#multiplex()
    if (options.replicas?.length) this.#replicas = this.#openReplicas(options)
    this.#unregister = registerInstrument('connections', name, this.#traffic)
  }

  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    if (options.replica === true && this.#options.isReplica !== true) return this.#read(text, values, options)
    return this.#query(text, values, options)
  }

  readonly sql: SqlTag = (strings, ...values) => this.query(textOf(strings), values)

  cursor<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: CursorOptions = {},
  ): PostgresCursor<R> {
    return new Cursor<R>(text, values, options, async () => {
      const { signal } = options
      const open = (pool: PostgresPool): Promise<CursorHost> =>
        pool.#hostCursor(text, signal, options.replica)
      if (options.replica !== true || this.#replicas === undefined) return open(this)
      return this.#replicas.run(open, () => open(this), { signal })
    })
  }

  copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    const { signal } = options
    return this.#with({ signal }, (client) => client.copyFrom(table, columns, rows, options))
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
    if (options.replica !== true || this.#replicas === undefined) return this.#transact(work, options)
    let begun = false
    const watched = (session: PostgresSession): R | Promise<R> => {
      begun = true
      return work(session)
    }
    return this.#replicas.run(
      (pool) => pool.transaction(watched, options),
      (left) => this.#transact(work, { ...options, ...left }),
      { ...options, mayMove: () => !begun },
    )
  }

  /**
   * Lends a connection for its holder alone. An open transaction is rolled back on its return; what else was set
   * on it (`SET`, temporary tables, advisory locks) stays, so undo it or use a transaction.
   */
  async getConnection(options: GetConnectionOptions = {}): Promise<ConnectionLease<PostgresSession>> {
    const { signal, timeoutMs } = options
    if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
    const client = await this.#clients.take({ signal, timeoutMs })
    const session = new LentSession(client)
    let ended = false
    return {
      get connection() {
        if (ended) throw new TypeError('this lease has ended: its connection is back in the pool')
        return session
      },
      [Symbol.asyncDispose]: async () => {
        if (ended) return
        ended = true
        session.end()
        client.hasState = true
        this.#clients.giveBack(client)
      },
    }
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
    return this.#listening.listen(channel, options)
  }

  /**
   * Connects until `minSize` connections are open, at least one, and checks that the server takes `maxSize`.
   * @throws {ConnectionsError} CONNECTIONS_TOO_MANY when it does not; CONNECTIONS_REFUSED, CONNECTIONS_TIMEOUT
   */
  async warm({ signal }: WarmOptions = {}): Promise<void> {
    const replicas = this.#replicas?.warm({ signal })
    await unlessAborted(this.#clients.warm(Math.max(1, this.#options.minSize)), signal)
    await unlessAborted(Promise.resolve(replicas), signal)
    const capacity = await this.capacity({ signal })
    if (capacity !== undefined) checkCapacities([capacity])
  }

  /** How many connections the pool may open, and how many the server takes of it. Behind PgBouncer that is not known. */
  async capacity({ signal }: WarmOptions = {}): Promise<Capacity | undefined> {
    if (this.#options.pgBouncer) return undefined
    const { rows } = await this.#runAlone<Omit<Capacity, 'wanted'>>(capacityText, [], { signal })
    return { ...rows[0]!, wanted: this.#options.maxSize }
  }

  /** Asks the server for a sign of life. Never rejects. */
  async health({ signal, timeoutMs = 2_000 }: HealthOptions = {}): Promise<HealthCheck> {
    checkMs('timeoutMs', timeoutMs)
    const replicas = this.#replicas?.health({ signal, timeoutMs })
    const { name } = this
    const startedAt = performance.now()
    let error: string | undefined
    try {
      await this.query('select 1', undefined, { signal, timeoutMs })
    } catch (cause) {
      error = (cause instanceof Error ? cause.message : String(cause)).replace(`${name}: `, '')
    }
    const ms = performance.now() - startedAt
    const parts = await replicas
    return Object.freeze({
      name,
      ok: error === undefined,
      ms,
      critical: true,
      ...(error && { error }),
      ...(parts && { parts }),
    })
  }

  stats(): PostgresStats {
    const own = this.#clients.stats()
    const traffic = this.#traffic.stats()
    // A line with nothing under way is as good as idle.
    const idle = this.#multiplexer?.lines.idle ?? 0
    return Object.freeze({
      ...own,
      ...traffic,
      idle: own.idle + idle,
      inUse: own.inUse - idle,
      waiting: own.waiting + traffic.waiting,
      timeouts: own.timeouts + traffic.timeouts,
    })
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
    const multiplexer = this.#multiplexer
    void multiplexer?.close()
    const closing = this.#replicas?.close({ deadlineMs })
    this.#listening.close()
    const { closed, holders } = await this.#clients.close(deadlineMs)
    this.#unregister()
    const pending = multiplexer?.pending() ?? []
    multiplexer?.abandon()
    await this.#clients.dropAll()
    const replicas = (await closing) ?? []
    return Object.freeze({
      closed: closed && replicas.every((report) => report.closed),
      ms: performance.now() - startedAt,
      holders: Object.freeze(
        [
          ...holders.map((holder) => ({ ...holder, label: holder.label ?? this.name })),
          ...pending,
          ...replicas.flatMap((report) => report.holders),
        ].map((holder) => Object.freeze(holder)),
      ),
    })
  }

  async #transact<R>(
    work: (session: PostgresSession) => R | Promise<R>,
    options: TransactionOptions,
  ): Promise<R> {
    const transaction = new Transaction(this.name, options)
    const { signal } = transaction
    try {
      for (;;) {
        try {
          return await this.#with({ signal }, (client) => transaction.attempt(client, work))
        } catch (error) {
          const reason = transaction.retryReason(error)
          if (reason === undefined) throw error
          this.#retries++
          if (retryChannel.hasSubscribers) {
            retryChannel.publish({ pool: this.name, reason } satisfies RetryMessage)
          }
          await transaction.pause()
        }
      }
    } finally {
      transaction[Symbol.dispose]()
    }
  }

  #query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    if (this.#multiplexer === undefined) return this.#runAlone<R>(text, values, options)
    try {
      checkStatement(text, values, options)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#multiplexer.query(text, values, options) as Promise<QueryResult<R>>
  }

  async #hostCursor(
    text: string,
    signal: AbortSignal | undefined,
    readOnly: boolean | undefined,
  ): Promise<CursorHost> {
    const client = await this.#clients.take({ signal }, { label: `cursor: ${brief(text)}` })
    client.wire.readOnly = readOnly === true && !this.#options.pgBouncer
    return {
      client,
      turn: (_, step) => step(),
      isOver: () => false,
      giveBack: () => this.#clients.giveBack(client),
    }
  }

  /** Runs a statement on a replica if there is one that is fit, else here; in either place it only reads. */
  async #read<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    checkStatement(text, values, options)
    const here = (left?: TimeLeft): Promise<QueryResult<R>> =>
      this.#query<R>(text, values, { ...options, ...left })
    try {
      if (this.#replicas === undefined) return await here()
      return await this.#replicas.run((pool) => pool.query<R>(text, values, options), here, options)
    } catch (error) {
      throw refusedWrite(this.name, text, error)
    }
  }

  #openReplicas(options: CheckedOptions): Replicas {
    return new Replicas(options, {
      name: this.name,
      primary: { query: (text, values, rest) => this.#query(text, values, rest) },
      open: (name, own) => {
        const pool = new PostgresPool(name, own)
        return { pool, abandon: (error) => pool.#multiplexer?.abandon(error) }
      },
    })
  }

  #runAlone<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    if (options.replica === true && this.#options.isReplica !== true) {
      const { signal, timeoutMs, replica: _, ...rest } = options
      const once = (session: PostgresSession) => session.query<R>(text, values, rest)
      return this.#transact(once, { signal, timeoutMs, readOnly: true })
    }
    return this.#with(options, (client, timeoutMs) =>
      client.query<R>(text, values, { ...options, timeoutMs }),
    )
  }

  #multiplex(): Multiplexer {
    const clients = this.#clients
    const log = this.#log
    return new Multiplexer(this.name, this.#options, log, {
      get wanted() {
        return clients.wanted
      },
      borrow: (signal) => clients.borrow(signal),
      giveBack: (client) => clients.giveBack(client),
      runAlone: (text, values, options) => this.#runAlone(text, values, options),
      explainWait: () => clients.explainWait(),
      mayPass: (error) => clients.mayPass(error),
    })
  }

  /** Statements that wait, besides those for which a line is asked for: the object pool counts these. */
  get #waiting(): number {
    const { queued = 0, lines } = this.#multiplexer ?? {}
    return Math.max(0, queued - (lines?.coming ?? 0))
  }

  /** Runs `work` with a connection, and what is left of the time for it. */
  async #with<R>(
    { signal, timeoutMs }: GetConnectionOptions,
    work: (client: PostgresClient, timeoutMs: number | undefined) => Promise<R>,
  ): Promise<R> {
    if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
    const startedAt = timeoutMs && performance.now()
    const client = await this.#clients.take({ signal, timeoutMs })
    try {
      const left = startedAt && Math.max(1, timeoutMs! - (performance.now() - startedAt))
      return await work(client, left)
    } finally {
      this.#clients.giveBack(client)
    }
  }
}

/** Two pools have one server when it started at the same microsecond. Reserved places are for administrators. */
const capacityText = `select pg_postmaster_start_time()::text as server,
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int as available`

let unnamed = 0
