import { EventEmitter } from 'node:events'
import type { ConnectionLease } from '../../driver.ts'
import type { PostgresClient } from '../client.ts'
import type { QueryOptions, QueryResult } from '../options.ts'
import { refused } from './pg-error.ts'
import { escapeIdentifier, escapeLiteral, type PgPoolOptions } from './pg-pool-options.ts'
import { pgQueryOver, type PgQuery } from './pg-query.ts'
import type { PostgresSession } from '../postgres-session.ts'

/** A message of LISTEN under pg's names. */
export interface PgNotification {
  readonly processId: number
  readonly channel: string
  readonly payload: string
}

/** What a client is made of. */
export interface PgClientParts {
  readonly lease: ConnectionLease<PostgresSession>
  readonly client: PostgresClient
  readonly options: PgPoolOptions
  /** Told when the holder lets go of it, with what was given to `release`. */
  readonly onRelease: (error: Error | boolean | undefined) => void
  /** Told when its connection has been given up instead of kept. */
  readonly onRemove: () => void
}

/**
 * A connection for one holder in the shape of pg's client, until `release`: every loan has an object of its own, so
 * that one kept too long harms nobody. What only pg's own has is there to say so: it is typed `never` and throws.
 *
 * It emits `notification` (a `PgNotification`), `end` when its connection is lost, and `error` with that if anybody
 * listens: what runs on it fails in any case. Its name does not contain "Pool": Drizzle would take it for one.
 */
export class PgClientAdapter extends EventEmitter {
  readonly query: PgQuery
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly database: string | undefined
  readonly ssl: boolean
  readonly pipeline: boolean = false
  readonly escapeIdentifier: (name: string) => string = escapeIdentifier
  readonly escapeLiteral: (text: string) => string = escapeLiteral
  /** The server's process that serves it. */
  readonly processID: number
  readonly #parts: PgClientParts
  readonly #detach: () => void
  #underWay = 0
  #released = false

  constructor(parts: PgClientParts) {
    super()
    const { client, options } = parts
    this.#parts = parts
    this.host = options.host
    this.port = options.port
    this.user = options.user
    this.database = options.database
    this.ssl = options.ssl !== false
    this.processID = client.wire.processId
    this.query = pgQueryOver({
      query: (text, values, options) => this.#run(text, values, options),
      cursor: (text, values, options) => parts.lease.connection.cursor(text, values, options),
    })
    this.#detach = this.#attach()
  }

  /**
   * Gives the connection back once what was asked of it before is done. With an error, or `true`, it is hung up
   * at once. Bound: it is what `connect` gives its callback as `done`.
   * @throws {TypeError} the second time
   */
  readonly release = (error?: Error | boolean): void => {
    if (this.#released) throw new TypeError('this client has been released already')
    this.#released = true
    this.#detach()
    const { client, onRelease } = this.#parts
    if (error) void client.drop(error === true ? new Error('its holder gave it up') : error)
    try {
      onRelease(error)
    } finally {
      if (this.#underWay === 0) this.#giveBack()
    }
  }

  connect(): never {
    throw refused('connect() of a client', 'it as it is: it is connected')
  }

  end(): never {
    throw refused('end() of a client', 'release(true), which hangs up')
  }

  copyFrom(): never {
    throw refused('copyFrom', 'pool.copyFrom(table, columns, rows)')
  }

  copyTo(): never {
    throw refused('copyTo', 'pool.cursor(text, values)')
  }

  pauseDrain(): never {
    throw refused('pauseDrain', 'a pg.Client')
  }

  resumeDrain(): never {
    throw refused('resumeDrain', 'a pg.Client')
  }

  setTypeParser(): never {
    throw refused('setTypeParser', 'the option types of postgres()')
  }

  getTypeParser(): never {
    throw refused('getTypeParser', 'the option types of postgres()')
  }

  getTransactionStatus(): never {
    throw refused('getTransactionStatus', 'pool.transaction(work)')
  }

  get connection(): never {
    throw refused('connection', 'a pg.Client')
  }

  async #run<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
  ): Promise<QueryResult<R>> {
    if (this.#released) throw new TypeError('this client has been released')
    this.#underWay++
    try {
      return await this.#parts.lease.connection.query<R>(text, values, options)
    } finally {
      if (--this.#underWay === 0 && this.#released) this.#giveBack()
    }
  }

  #giveBack(): void {
    const { client, lease, onRemove } = this.#parts
    void lease[Symbol.asyncDispose]()
    if (!client.usable) onRemove()
  }

  /** Listens to its connection. Returns what ends that. What a listener throws never reaches the connection. */
  #attach(): () => void {
    const { wire } = this.#parts.client
    const { onLost, onNotification } = wire
    wire.onNotification = (notification) => {
      onNotification?.(notification)
      process.nextTick(() => this.emit('notification', notification))
    }
    wire.onLost = () => {
      onLost?.()
      process.nextTick(() => {
        if (this.listenerCount('error') > 0) this.emit('error', asError(wire.lostBy?.error))
        this.emit('end')
      })
    }
    return () => {
      wire.onNotification = onNotification
      wire.onLost = onLost
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the connection was lost', { cause: error })
}
