import {
  ObjectPool,
  PoolError,
  type AcquireOptions,
  type Holder as LoanHolder,
  type PoolStats,
} from '@code/pool'
import type { GetConnectionOptions } from '../driver.ts'
import { ConnectionsError } from '../errors.ts'
import type { CloseReport } from '../report.ts'
import {
  closeChannel,
  connectChannel,
  waitChannel,
  type CloseMessage,
  type ConnectMessage,
  type WaitMessage,
} from '../telemetry.ts'
import { PostgresClient } from './client.ts'
import type { CheckedOptions } from './options.ts'
import { waitTimeoutOf } from './failures.ts'
import { asConnectionsError, closedError } from './pool-errors.ts'
import type { StatementLog } from './statement-log.ts'
import { Wire } from './wire/wire.ts'

/** What a loan is for, and whether it is to last: then it is no leak. */
export type LoanNote = Pick<AcquireOptions, 'label' | 'lasting'>

/** The connections of a pool: lent to one holder each, or for long to the statements that share them. */
export class Clients {
  readonly #name: string
  readonly #options: CheckedOptions
  readonly #log: StatementLog
  readonly #objects: ObjectPool<PostgresClient>
  readonly #alive = new Set<PostgresClient>()
  readonly #onWanted: () => void
  #wanted = 0
  #everConnected = false

  /** @param onWanted called when a caller begins to wait for a connection of its own */
  constructor(name: string, options: CheckedOptions, log: StatementLog, onWanted: () => void) {
    this.#name = name
    this.#options = options
    this.#log = log
    this.#onWanted = onWanted
    const { minSize, maxSize, maxWaiting, acquireTimeoutMs, connectTimeoutMs, idleTimeoutMs, leakAfterMs } =
      options
    this.#objects = new ObjectPool<PostgresClient>({
      name,
      minSize,
      maxSize,
      maxWaiting,
      acquireTimeoutMs,
      idleTimeoutMs,
      leakAfterMs,
      // A connect ends by itself after `connectTimeoutMs`, with an error that says more.
      createTimeoutMs: Math.min(2 * connectTimeoutMs, 2 ** 31 - 1),
      create: (signal) => this.#connect(signal),
      validate: (client) => client.usable,
      reset: (client) => client.reset(),
      destroy: (client, reason) => this.#disconnect(client, reason),
    })
  }

  /** How many callers wait for a connection of their own. */
  get wanted(): number {
    return this.#wanted
  }

  /** Lends a connection for its holder alone: at once if one is idle. */
  async take(
    { signal, timeoutMs = Infinity }: GetConnectionOptions,
    note: LoanNote = {},
  ): Promise<PostgresClient> {
    signal?.throwIfAborted()
    const idle = note.label === undefined ? this.#objects.tryAcquire() : undefined
    const client = idle ?? (await this.#wait(signal, timeoutMs, note))
    client.wire.readOnly = false
    return client
  }

  /** Lends a connection for long, to be shared. Those who want one for themselves are not kept waiting by that. */
  async borrow(signal: AbortSignal): Promise<PostgresClient> {
    try {
      return await this.#objects.acquire({ signal, timeoutMs: forEver, label: sharedLabel, lasting: true })
    } catch (error) {
      throw asConnectionsError(this.#name, error)
    }
  }

  giveBack(client: PostgresClient): void {
    if (client.usable) this.#objects.release(client)
    else this.#objects.destroy(client)
  }

  /** Whether after this failure it is worth waiting: the server was there, and may be again. */
  mayPass(error: unknown): boolean {
    if (!this.#everConnected || this.#options.isReplica === true) return false
    if (!(error instanceof ConnectionsError)) return false
    if (error.code !== 'CONNECTIONS_REFUSED' && error.code !== 'CONNECTIONS_TIMEOUT') return false
    const { sqlState } = error
    // Shutting down, starting up, or full; anything else that the server says is an answer.
    return sqlState === undefined || sqlState.startsWith('57P') || sqlState === '53300'
  }

  /** Who has the connections, for a caller who waited in vain. */
  explainWait(): string {
    const { inUse, maxSize, creating } = this.#objects.stats()
    const facts = [`${inUse} of ${maxSize} in use`]
    if (creating > 0) facts.push(`${creating} being made`)
    for (const holder of this.holders().slice(0, 3)) facts.push(describeHolder(holder))
    return facts.join(', ')
  }

  /** Who has a connection for itself, the oldest loan first. */
  holders(): readonly LoanHolder[] {
    return this.#objects.holders().filter(({ label }) => label !== sharedLabel)
  }

  async warm(count: number): Promise<void> {
    try {
      await this.#objects.warm(count)
    } catch (error) {
      throw asConnectionsError(this.#name, error)
    }
  }

  stats(): PoolStats {
    return this.#objects.stats()
  }

  /** Lends no more, waits until all are back, and at the deadline reports who holds one for itself. */
  async close(deadlineMs: number): Promise<CloseReport> {
    const { closed, ms } = await this.#objects.close({ deadlineMs })
    return { closed, ms, holders: this.holders() }
  }

  /** Hangs up on whoever still has one. Waits, at most a second: their statements would run on else. */
  async dropAll(): Promise<void> {
    await Promise.all(Array.from(this.#alive, (client) => client.drop(closedError(this.#name))))
  }

  async #wait(signal: AbortSignal | undefined, timeoutMs: number, note: LoanNote): Promise<PostgresClient> {
    const startedAt = performance.now()
    const limitMs = Math.min(timeoutMs, this.#options.acquireTimeoutMs)
    this.#wanted++
    if (this.#objects.stats().idle === 0) this.#onWanted()
    try {
      const client = await this.#acquire(signal, startedAt, limitMs, note)
      if (waitChannel.hasSubscribers) {
        const waitedMs = performance.now() - startedAt
        waitChannel.publish({ pool: this.#name, waitedMs } satisfies WaitMessage)
      }
      return client
    } finally {
      this.#wanted--
    }
  }

  async #acquire(
    signal: AbortSignal | undefined,
    startedAt: number,
    limitMs: number,
    note: LoanNote,
  ): Promise<PostgresClient> {
    for (;;) {
      const leftMs = Math.max(1, limitMs - (performance.now() - startedAt))
      try {
        return await this.#objects.acquire({ ...note, signal, timeoutMs: leftMs })
      } catch (cause) {
        const error = isVain(cause)
          ? waitTimeoutOf(this.#name, limitMs, this.explainWait())
          : asConnectionsError(this.#name, cause)
        // The next attempt waits until the pool's pause after a failure is over.
        if (leftMs === 1 || !isRefusal(cause) || !this.mayPass(error)) throw error
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<PostgresClient> {
    const startedAt = performance.now()
    let ok = false
    try {
      const wire = await Wire.connect(this.#name, this.#options, signal)
      const { statementTimeoutMs, maxResultBytes, maxPrepared } = this.#options
      const client = new PostgresClient(wire, {
        pool: this.#name,
        statementTimeoutMs,
        maxResultBytes,
        maxPrepared,
        log: this.#log,
      })
      this.#alive.add(client)
      this.#everConnected = true
      ok = true
      return client
    } finally {
      if (connectChannel.hasSubscribers) {
        const ms = performance.now() - startedAt
        connectChannel.publish({ pool: this.#name, ms, ok } satisfies ConnectMessage)
      }
    }
  }

  async #disconnect(client: PostgresClient, reason: string): Promise<void> {
    if (closeChannel.hasSubscribers) {
      closeChannel.publish({ pool: this.#name, reason } satisfies CloseMessage)
    }
    await client.close()
    this.#alive.delete(client)
  }
}

/** The statements that wait for it have limits of their own. */
const forEver = 2 ** 31 - 1
const sharedLabel = 'shared by statements'

/** Whether nobody gave one back in time, and connecting is not to blame. */
function isVain(cause: unknown): boolean {
  return cause instanceof PoolError && cause.code === 'POOL_TIMEOUT' && cause.cause === undefined
}

function isRefusal(cause: unknown): boolean {
  return (cause as { code?: unknown }).code === 'POOL_CREATE_FAILED'
}

function describeHolder({ heldMs, site, label }: LoanHolder): string {
  const by = label === undefined ? '' : ` by '${label}'`
  const from = site === undefined ? '' : ` from ${site}`
  return `one${by} for ${Math.round(heldMs)} ms${from}`
}
