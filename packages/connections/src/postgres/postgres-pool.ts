import { ObjectPool, type PoolStats } from '@code/pool'
import { checkMs } from '../check.ts'
import type {
  ConnectionLease,
  ConnectionPool,
  Driver,
  GetConnectionOptions,
  HealthOptions,
  WarmOptions,
} from '../driver.ts'
import { registerInstrument } from '../instrument.ts'
import { closeDefaults, type CloseOptions, type CloseReport, type HealthCheck } from '../report.ts'
import {
  closeChannel,
  connectChannel,
  retryChannel,
  waitChannel,
  type CloseMessage,
  type ConnectMessage,
  type RetryMessage,
  type WaitMessage,
} from '../telemetry.ts'
import { PostgresClient } from './client.ts'
import type { CopyResult, CopyRows } from './copy-in.ts'
import {
  checkOptions,
  type CheckedOptions,
  type CopyOptions,
  type PostgresOptions,
  type QueryOptions,
  type QueryResult,
  type TransactionOptions,
} from './options.ts'
import { asConnectionsError, closedError } from './pool-errors.ts'
import { LentSession, type PostgresSession } from './postgres-session.ts'
import { textOf, type SqlTag } from './sql.ts'
import { Transaction, unlessAborted } from './transaction.ts'
import { Wire } from './wire/wire.ts'

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
  }>

/** Connections to one Postgres server, opened on demand up to `maxSize` and kept for the next caller. */
export class PostgresPool implements PostgresSession, ConnectionPool<PostgresSession>, AsyncDisposable {
  readonly name: string
  readonly #options: CheckedOptions
  readonly #objects: ObjectPool<PostgresClient>
  readonly #clients = new Set<PostgresClient>()
  readonly #counts = { statements: 0, failures: 0, retries: 0 }
  // What the object pool's own instrument does not tell.
  readonly #traffic = { stats: () => ({ ...this.#counts }) }
  readonly #unregister: () => void
  #closing: Promise<CloseReport> | undefined

  /** Made by `postgres(options).open()`. */
  constructor(name: string, options: CheckedOptions) {
    this.name = name
    this.#options = options
    const { minSize, maxSize, maxWaiting, acquireTimeoutMs, connectTimeoutMs, idleTimeoutMs } = options
    this.#objects = new ObjectPool<PostgresClient>({
      name,
      minSize,
      maxSize,
      maxWaiting,
      acquireTimeoutMs,
      idleTimeoutMs,
      leakAfterMs: options.leakAfterMs,
      // A connect ends by itself after `connectTimeoutMs`, with an error that says more.
      createTimeoutMs: Math.min(2 * connectTimeoutMs, 2 ** 31 - 1),
      create: (signal) => this.#connect(signal),
      validate: (client) => client.usable,
      reset: (client) => client.reset(),
      destroy: (client, reason) => this.#disconnect(client, reason),
    })
    this.#unregister = registerInstrument('connections', name, this.#traffic)
  }

  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options: QueryOptions = {},
  ): Promise<QueryResult<R>> {
    return this.#with(options, (client, timeoutMs) =>
      client.query<R>(text, values, { ...options, timeoutMs }),
    )
  }

  readonly sql: SqlTag = (strings, ...values) => this.query(textOf(strings), values)

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
    const transaction = new Transaction(this.name, options)
    const { signal } = transaction
    try {
      for (;;) {
        try {
          return await this.#with({ signal }, (client) => transaction.attempt(client, work))
        } catch (error) {
          const reason = transaction.retryReason(error)
          if (reason === undefined) throw error
          this.#counts.retries++
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

  /**
   * Lends a connection for its holder alone. An open transaction is rolled back on its return; what else was set
   * on it (`SET`, temporary tables, advisory locks) stays, so undo it or use a transaction.
   */
  async getConnection(options: GetConnectionOptions = {}): Promise<ConnectionLease<PostgresSession>> {
    const { signal, timeoutMs } = options
    if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
    signal?.throwIfAborted()
    const client = this.#objects.tryAcquire() ?? (await this.#wait(options))
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
        this.#giveBack(client)
      },
    }
  }

  /** Connects until `minSize` connections are open, at least one. */
  async warm({ signal }: WarmOptions = {}): Promise<void> {
    try {
      await unlessAborted(this.#objects.warm(Math.max(1, this.#options.minSize)), signal)
    } catch (error) {
      throw asConnectionsError(this.name, error)
    }
  }

  /** Asks the server for a sign of life. Never rejects. */
  async health({ signal, timeoutMs = 2_000 }: HealthOptions = {}): Promise<HealthCheck> {
    checkMs('timeoutMs', timeoutMs)
    const { name } = this
    const startedAt = performance.now()
    let error: string | undefined
    try {
      await this.query('select 1', undefined, { signal, timeoutMs })
    } catch (cause) {
      error = (cause instanceof Error ? cause.message : String(cause)).replace(`${name}: `, '')
    }
    const ms = performance.now() - startedAt
    return Object.freeze({ name, ok: error === undefined, ms, critical: true, ...(error && { error }) })
  }

  stats(): PostgresStats {
    return Object.freeze({ ...this.#objects.stats(), ...this.#counts })
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
    const { closed, ms, holders } = await this.#objects.close({ deadlineMs })
    this.#unregister()
    // Waited for, at most a second: a process that exits next would leave its statements running.
    await Promise.all(Array.from(this.#clients, (client) => client.drop(closedError(this.name))))
    return Object.freeze({
      closed,
      ms,
      holders: Object.freeze(holders.map((holder) => Object.freeze({ ...holder, label: this.name }))),
    })
  }

  /** Runs `work` with a connection, and what is left of the time for it. */
  async #with<R>(
    { signal, timeoutMs }: GetConnectionOptions,
    work: (client: PostgresClient, timeoutMs: number | undefined) => Promise<R>,
  ): Promise<R> {
    if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
    let left = timeoutMs
    let client = this.#objects.tryAcquire()
    if (client === undefined) {
      const startedAt = performance.now()
      client = await this.#wait({ signal, timeoutMs })
      if (left !== undefined) left = Math.max(1, left - (performance.now() - startedAt))
    }
    try {
      return await work(client, left)
    } finally {
      this.#giveBack(client)
    }
  }

  async #wait({ signal, timeoutMs }: GetConnectionOptions): Promise<PostgresClient> {
    const startedAt = performance.now()
    try {
      const client = await this.#objects.acquire({
        signal,
        timeoutMs: Math.min(timeoutMs ?? Infinity, this.#options.acquireTimeoutMs),
      })
      if (waitChannel.hasSubscribers) {
        const waitedMs = performance.now() - startedAt
        waitChannel.publish({ pool: this.name, waitedMs } satisfies WaitMessage)
      }
      return client
    } catch (error) {
      throw asConnectionsError(this.name, error)
    }
  }

  #giveBack(client: PostgresClient): void {
    if (client.usable) this.#objects.release(client)
    else this.#objects.destroy(client)
  }

  async #connect(signal: AbortSignal): Promise<PostgresClient> {
    const startedAt = performance.now()
    let ok = false
    try {
      const wire = await Wire.connect(this.name, this.#options, signal)
      const { statementTimeoutMs, maxResultBytes } = this.#options
      const client = new PostgresClient(wire, {
        pool: this.name,
        statementTimeoutMs,
        maxResultBytes,
        counts: this.#counts,
      })
      this.#clients.add(client)
      ok = true
      return client
    } finally {
      if (connectChannel.hasSubscribers) {
        const ms = performance.now() - startedAt
        connectChannel.publish({ pool: this.name, ms, ok } satisfies ConnectMessage)
      }
    }
  }

  async #disconnect(client: PostgresClient, reason: string): Promise<void> {
    if (closeChannel.hasSubscribers) {
      closeChannel.publish({ pool: this.name, reason } satisfies CloseMessage)
    }
    await client.close()
    this.#clients.delete(client)
  }
}

let unnamed = 0
