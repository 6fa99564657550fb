import { setTimeout as sleep } from 'node:timers/promises'
import { checkBoolean, checkInteger, checkMs, describe } from '../check.ts'
import { ConnectionsError } from '../errors.ts'
import type { PostgresClient } from './client.ts'
import type { TransactionOptions } from './options.ts'
import { LentSession, type PostgresSession } from './postgres-session.ts'

/** One call of `transaction`: its limits, and how to begin each attempt. */
export class Transaction implements Disposable {
  readonly #begin: string
  readonly #retries: number
  /** There only if something may end it: listening to it costs each statement. */
  readonly #stop: AbortController | undefined
  readonly #given: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout | undefined
  #attempts = 0
  #committing = false

  constructor(pool: string, options: TransactionOptions) {
    const { isolation, readOnly = false, replica = false, retries = 0, signal, timeoutMs } = options
    checkBoolean('replica', replica)
    checkBoolean('readOnly', readOnly)
    if (replica && (!readOnly || isolation === 'serializable')) {
      throw new TypeError(`replica: true needs readOnly: true, and cannot be serializable`)
    }
    checkInteger('retries', retries, 0)
    if (isolation !== undefined && !isolations.includes(isolation)) {
      throw new TypeError(`isolation must be one of ${isolations.join(', ')}, got ${describe(isolation)}`)
    }
    if (timeoutMs !== undefined || signal !== undefined) this.#stop = new AbortController()
    if (timeoutMs !== undefined) {
      checkMs('timeoutMs', timeoutMs)
      this.#timer = setTimeout(() => {
        const message = `${pool}: the transaction was not done after ${timeoutMs} ms`
        this.#stop?.abort(
          new ConnectionsError('CONNECTIONS_TIMEOUT', message, { mayHaveRun: this.#committing }),
        )
      }, timeoutMs)
    }
    this.#begin = `begin${isolation ? ` isolation level ${isolation}` : ''}${readOnly ? ' read only' : ''}`
    this.#retries = retries
    this.#given = signal
    if (signal?.aborted) this.#onAbort()
    else signal?.addEventListener('abort', this.#onAbort)
  }

  get signal(): AbortSignal | undefined {
    return this.#stop?.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#given?.removeEventListener('abort', this.#onAbort)
  }

  /** Runs `work` between BEGIN and COMMIT, or ROLLBACK when it fails. */
  async attempt<R>(client: PostgresClient, work: (session: PostgresSession) => R | Promise<R>): Promise<R> {
    this.#attempts++
    const { signal } = this
    const session = new LentSession(client, signal)
    try {
      client.beginWith(this.#begin)
      const result = await unlessAborted(Promise.resolve(work(session)), signal)
      await unlessAborted(session.finish(), signal)
      session.end()
      if (client.beginning) {
        client.beginWith(undefined)
        return result
      }
      this.#committing = true
      const { command } = await client.query('commit', undefined, { signal })
      this.#committing = false
      // The server answers COMMIT with ROLLBACK when a statement failed whose error `work` has swallowed.
      if (command !== 'COMMIT') throw rolledBack(session.failure)
      return result
    } catch (error) {
      session.end()
      // One that was given up keeps nobody waiting: it is rolled back on the connection's return.
      if (signal?.aborted !== true && !client.settling) await client.rollback()
      throw error
    }
  }

  /** The SQLSTATE for which it is worth another attempt, if there is one left. */
  retryReason(error: unknown): string | undefined {
    if (
      this.#attempts > this.#retries ||
      this.signal?.aborted === true ||
      !(error instanceof ConnectionsError)
    ) {
      return undefined
    }
    return error.sqlState === '40001' || error.sqlState === '40P01' ? error.sqlState : undefined
  }

  /** Waits a little, at random: whoever collided must not collide again. */
  async pause(): Promise<void> {
    const longestMs = Math.min(500, 10 * 2 ** this.#attempts)
    await unlessAborted(sleep(Math.random() * longestMs), this.signal)
  }

  readonly #onAbort = (): void => this.#stop?.abort(this.#given?.reason)
}

/** The promise's outcome, or the signal's reason as soon as it aborts. */
export async function unlessAborted<R>(promise: Promise<R>, signal: AbortSignal | undefined): Promise<R> {
  if (signal === undefined) return promise
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
  }
}

const isolations = ['read committed', 'repeatable read', 'serializable']

function rolledBack(cause: unknown): ConnectionsError {
  const message = 'the transaction was rolled back, not committed: a statement in it had failed'
  const sqlState = cause instanceof ConnectionsError ? cause.sqlState : undefined
  return new ConnectionsError('CONNECTIONS_ROLLED_BACK', message, { cause, sqlState })
}
