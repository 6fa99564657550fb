import type { PoolStats } from '@code/pool'
import { checkCapacities } from '../capacity.ts'
import { checkMs } from '../check.ts'
import type {
  Capacity,
  ConnectionLease,
  GetConnectionOptions,
  HealthOptions,
  WarmOptions,
} from '../driver.ts'
import { registerInstrument } from '../instrument.ts'
import type { CloseReport, HealthCheck } from '../report.ts'
import type { PostgresClient } from './client.ts'
import { Clients } from './clients.ts'
import type { CopyResult, CopyRows } from './copy-in.ts'
import type { CursorHost } from './cursor.ts'
import { brief } from './failures.ts'
import { Listening } from './listen.ts'
import type { ListenOptions, PostgresListener } from './listener.ts'
import { Multiplexer } from './multiplexer/multiplexer.ts'
import {
  checkLease,
  checkStatement,
  type CheckedOptions,
  type CopyOptions,
  type LeaseOptions,
  type QueryOptions,
  type QueryResult,
  type TransactionOptions,
} from './options.ts'
import { LentSession, type PostgresSession } from './postgres-session.ts'
import { StatementLog, type StatementCounts } from './statement-log.ts'
import { Transaction, unlessAborted } from './transaction.ts'

/** The figures of one server's connections and of what went over them. The counts only grow. */
export type ServerStats = PoolStats & Readonly<StatementCounts>

/** The connections to one server: what is shared, and what is lent. */
export class PostgresServer {
  readonly name: string
  readonly #options: CheckedOptions
  readonly #clients: Clients
  readonly #log: StatementLog
  readonly #multiplexer: Multiplexer | undefined
  readonly #listening = new Listening({
    take: (signal) => this.#clients.take({ signal }, { label: 'listen', lasting: true }),
    giveBack: (client) => this.#clients.giveBack(client),
  })
  // What the object pool's own instrument does not tell.
  readonly #traffic: { stats(): Record<string, number | boolean> }
  readonly #unregister: () => void

  /** @param more what its instrument shows besides */
  constructor(name: string, options: CheckedOptions, more: () => Record<string, number | boolean>) {
    this.name = name
    this.#options = options
    this.#log = new StatementLog(name, options.slowMs)
    this.#clients = new Clients(name, options, this.#log, () => this.#multiplexer?.yieldLine())
    if (options.multiplex) this.#multiplexer = this.#multiplex()
    this.#traffic = { stats: () => ({ ...this.#statements(), ...more() }) }
    this.#unregister = registerInstrument('connections', name, this.#traffic)
  }

  query<R>(
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

  copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    options: CopyOptions = {},
  ): Promise<CopyResult> {
    const { signal } = options
    return this.#with({ signal }, (client) => client.copyFrom(table, columns, rows, options))
  }

  /** `PostgresPool.transaction`, here. */
  async transact<R>(
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
          this.#log.retried(reason)
          await transaction.pause()
        }
      }
    } finally {
      transaction[Symbol.dispose]()
    }
  }

  /** `PostgresPool.getConnection`, here. */
  async lend(options: LeaseOptions = {}): Promise<ConnectionLease<PostgresSession>> {
    checkLease(options)
    const { signal, timeoutMs, reset = 'always' } = options
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
        if (reset === 'always') client.hasState = true
        this.#clients.giveBack(client)
      },
    }
  }

  /** Where a cursor reads. */
  async hostCursor(
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

  listen(channel: string, options?: ListenOptions): Promise<PostgresListener> {
    return this.#listening.listen(channel, options)
  }

  async warm({ signal }: WarmOptions = {}): Promise<void> {
    await unlessAborted(this.#clients.warm(Math.max(1, this.#options.minSize)), signal)
    const capacity = await this.capacity({ signal })
    if (capacity !== undefined) checkCapacities([capacity])
  }

  async capacity({ signal }: WarmOptions = {}): Promise<Capacity | undefined> {
    if (this.#options.pgBouncer) return undefined
    const { rows } = await this.#runAlone<Omit<Capacity, 'wanted'>>(capacityText, [], { signal })
    return { ...rows[0]!, wanted: this.#options.maxSize }
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

  stats(): ServerStats {
    const own = this.#clients.stats()
    const statements = this.#statements()
    // A line with nothing under way is as good as idle, and one that is asked for is nobody's wait.
    const { idle = 0, coming = 0 } = this.#multiplexer?.lines ?? {}
    const queued = this.#multiplexer?.queued ?? 0
    return {
      ...own,
      ...statements,
      idle: own.idle + idle,
      inUse: own.inUse - idle,
      waiting: Math.max(0, own.waiting - coming) + queued,
      timeouts: own.timeouts + statements.timeouts,
    }
  }

  /** Rejects all single statements that wait or are under way. */
  abandon(error: unknown): void {
    this.#multiplexer?.abandon(error)
  }

  async close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    const multiplexer = this.#multiplexer
    void multiplexer?.close()
    this.#listening.close()
    // Some of the time is for telling the server to stop what is still under way then.
    const lastMs = Math.min(longestGoodbyeMs, deadlineMs / 5)
    const { closed, holders } = await this.#clients.close(Math.max(1, deadlineMs - lastMs))
    this.#unregister()
    const pending = multiplexer?.pending() ?? []
    multiplexer?.abandon()
    await atMost(this.#clients.dropAll(), lastMs)
    const named = holders.map((holder) => Object.assign({ label: this.name }, holder))
    return { closed, ms: performance.now() - startedAt, holders: [...named, ...pending] }
  }

  #runAlone<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    if (options.replica === true && this.#options.isReplica !== true) {
      const { signal, timeoutMs, replica: _, ...rest } = options
      const once = (session: PostgresSession) => session.query<R>(text, values, rest)
      return this.transact(once, { signal, timeoutMs, readOnly: true })
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

  /** What single statements did. Of those that wait, the object pool counts the ones for which a line is asked for. */
  #statements(): StatementCounts & { readonly waiting: number } {
    const { queued = 0, lines } = this.#multiplexer ?? {}
    const waiting = Math.max(0, queued - (lines?.coming ?? 0))
    return { ...this.#log.counts, waiting }
  }

  /** Runs `work` with a connection, and what is left of the time for it. */
  async #with<R>(
    { signal, timeoutMs }: GetConnectionOptions,
    work: (client: PostgresClient, timeoutMs: number | undefined) => Promise<R>,
  ): Promise<R> {
    if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
    const startedAt = performance.now()
    const client = await this.#clients.take({ signal, timeoutMs })
    try {
      const left = timeoutMs && Math.max(1, timeoutMs - (performance.now() - startedAt))
      return await work(client, left)
    } finally {
      this.#clients.giveBack(client)
    }
  }
}

const longestGoodbyeMs = 200

/** Resolves when that is done, or after so many milliseconds. */
async function atMost(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}

/** Two pools have one server when it started at the same microsecond. Reserved places are for administrators. */
const capacityText = `select pg_postmaster_start_time()::text as server,
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int as available`
