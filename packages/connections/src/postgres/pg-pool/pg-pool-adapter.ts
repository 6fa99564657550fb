import { EventEmitter } from 'node:events'
import type { CheckedOptions } from '../options.ts'
import { PgClientAdapter } from './pg-client-adapter.ts'
import { ControlClient, pgPoolOptions, type PgControlClient, type PgPoolOptions } from './pg-pool-options.ts'
import { pgQueryOver, told, type PgQuery } from './pg-query.ts'
import type { PostgresPool } from '../postgres-pool.ts'
import { LentSession } from '../postgres-session.ts'

/** What a `connect` with a callback calls. */
export type PgConnectCallback = (
  error: Error | undefined,
  client: PgClientAdapter | undefined,
  done: (error?: Error | boolean) => void,
) => void

/**
 * A `PostgresPool` in the shape of pg's `Pool`, for libraries that were written for that. Where the server refuses a
 * statement they hear pg's own `DatabaseError` (`code` is the SQLSTATE, `constraint`, `detail`, …), of every other
 * failure a `ConnectionsError`.
 *
 * For each client that `connect` lends it emits `connect` and `acquire` (its session is a clean one every time),
 * `release` with what was given to it, and `remove` when its connection was not kept; for `query` nothing, and never
 * `error`: a connection lost while idle is replaced, and no caller suffers from it.
 */
export class PgPoolAdapter extends EventEmitter {
  // Drizzle asks whether the name contains "Pool" before it borrows a client for a transaction: a bundler that
  // shortens names must not change the answer.
  static override readonly name: string = 'PgPoolAdapter'
  /** Kysely's, to interrupt a statement when the pool has no connection left. */
  readonly Client: PgControlClient = ControlClient
  readonly options: PgPoolOptions
  /** Runs one statement, on whichever connection suits. */
  readonly query: PgQuery
  /** Connections have no age here that they could pass. */
  readonly expiredCount: number = 0
  readonly #pool: PostgresPool
  #ending = false
  #ended = false

  constructor(pool: PostgresPool, options: CheckedOptions) {
    super()
    this.#pool = pool
    this.options = pgPoolOptions(options)
    this.query = pgQueryOver(pool)
  }

  /** Connections that are open. */
  get totalCount(): number {
    return this.#pool.stats().size
  }

  get idleCount(): number {
    return this.#pool.stats().idle
  }

  /** Callers waiting for a connection. */
  get waitingCount(): number {
    return this.#pool.stats().waiting
  }

  /** Whether `end` was called. */
  get ending(): boolean {
    return this.#ending
  }

  /** Whether it has come to an end. */
  get ended(): boolean {
    return this.#ended
  }

  /** Lends a client for its holder alone, until `release`. */
  connect(): Promise<PgClientAdapter>
  connect(callback: PgConnectCallback): void
  connect(callback?: PgConnectCallback): Promise<PgClientAdapter> | void {
    const lent = this.#lend()
    if (callback === undefined) return lent
    lent.then(
      (client) => process.nextTick(callback, undefined, client, client.release),
      (error: unknown) => process.nextTick(callback, error, undefined, () => {}),
    )
  }

  /** Closes the pool, which waits for lent clients only until its deadline. Doing so twice is harmless. */
  end(): Promise<void>
  end(callback: () => void): void
  end(callback?: () => void): Promise<void> | void {
    return told(this.#end(), callback)
  }

  async #lend(): Promise<PgClientAdapter> {
    // As pg does it, where nothing is discarded at all: else each transaction of an ORM would pay for that.
    const lease = await this.#pool.getConnection({ reset: 'when-seen' })
    const client = new PgClientAdapter({
      lease,
      client: LentSession.clientOf(lease.connection),
      options: this.options,
      onRelease: (error) => this.emit('release', error, client),
      onRemove: () => this.emit('remove', client),
    })
    try {
      this.emit('connect', client)
      this.emit('acquire', client)
    } catch (error) {
      client.release(true)
      throw error
    }
    return client
  }

  async #end(): Promise<void> {
    this.#ending = true
    await this.#pool.close()
    this.#ended = true
  }
}
