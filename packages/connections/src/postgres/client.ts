import { ConnectionsError } from '../errors.ts'
import { queryChannel, type QueryMessage } from '../telemetry.ts'
import { checkMs } from '../check.ts'
import { checkCopy, CopyIn, type CopyResult, type CopyRows } from './copy-in.ts'
import { describeFailure, isStale, timeoutOf } from './failures.ts'
import { checkStatement, type CopyOptions, type QueryOptions, type QueryResult } from './options.ts'
import { StatementNames } from './statement-names.ts'
import { graceMs, serverError, type Wire } from './wire.ts'

/** What the clients of a pool have in common. */
export interface ClientSettings {
  readonly pool: string
  readonly statementTimeoutMs: number
  readonly maxPrepared: number
  readonly counts: { statements: number; failures: number }
}

interface Limits {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

interface Operation<R> {
  /** The last call of an operation: a result, or an error that is not `undefined`. */
  readonly done: (error: unknown, result?: R) => void
  readonly giveUp: (reason: unknown) => void
}

/** One connection: one statement at a time, each settled within its limits whatever the server does. */
export class PostgresClient {
  readonly #wire: Wire
  readonly #settings: ClientSettings
  readonly #names: StatementNames
  #settling: Promise<void> | undefined

  constructor(wire: Wire, settings: ClientSettings) {
    this.#wire = wire
    this.#settings = settings
    this.#names = new StatementNames(settings.maxPrepared, (name) => wire.closeStatement(name))
  }

  /** Whether it may be lent: not known to be lost. */
  get usable(): boolean {
    return this.#wire.lostBy === undefined
  }

  /** Whether a statement that was given up is still being stopped. */
  get settling(): boolean {
    return this.#settling !== undefined
  }

  /** Runs one statement. One with values is prepared, once for each text. */
  async query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    checkStatement(text, values, options)
    const { name, signal, timeoutMs = this.#settings.statementTimeoutMs } = options
    const startedAt = this.#begin()
    try {
      if (this.#settling !== undefined) await this.#settling
      const prepareAs = name === undefined && values === undefined ? undefined : this.#names.of(text, name)
      const result = await this.#prepared<R>(text, values, prepareAs, { signal, timeoutMs })
      this.#tell(startedAt, result.rowCount ?? 0)
      return result
    } catch (error) {
      this.#tellFailure(startedAt, error)
      throw error
    }
  }

  async copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    { signal, timeoutMs = this.#settings.statementTimeoutMs }: CopyOptions,
  ): Promise<CopyResult> {
    checkCopy(table, columns, rows)
    checkMs('timeoutMs', timeoutMs)
    const startedAt = this.#begin()
    try {
      if (this.#settling !== undefined) await this.#settling
      const result = await this.#copy(table, columns, rows, { signal, timeoutMs })
      this.#tell(startedAt, result.rows)
      return result
    } catch (error) {
      this.#tellFailure(startedAt, error)
      throw error
    }
  }

  /** Ends a transaction that is open, if there is one. Never rejects: a connection that cannot is given up. */
  async rollback(): Promise<void> {
    try {
      await this.#settling
      if (this.#wire.inTransaction) await this.query('rollback', undefined, { timeoutMs: graceMs })
    } catch (error) {
      this.#wire.drop(error)
    }
  }

  /** Makes it fit for the next borrower: synchronously, as a rule. A failure means that it is not. */
  reset(): void | Promise<void> {
    if (this.#settling === undefined && this.#wire.ready && !this.#wire.inTransaction) return undefined
    return this.#clean()
  }

  close(): Promise<void> {
    return this.#wire.end()
  }

  /** Hangs up at once; what runs on it fails, and is stopped on the server too, which would not notice soon. */
  async drop(cause: unknown): Promise<void> {
    const interrupted = this.#wire.ready || !this.usable ? undefined : this.#wire.cancel()
    this.#wire.drop(cause)
    await interrupted
  }

  async #prepared<R>(
    text: string,
    values: readonly unknown[] | undefined,
    name: string | undefined,
    limits: Limits,
  ): Promise<QueryResult<R>> {
    try {
      return await this.#query<R>(text, values, name, limits)
    } catch (error) {
      if (name === undefined || !isStale(error)) throw error
      this.#wire.closeStatement(name)
      // It was refused before it did anything; but a transaction is lost by that, and its owner must know.
      if (this.#wire.inTransaction) throw error
      return this.#query<R>(text, values, name, limits)
    }
  }

  #query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    name: string | undefined,
    limits: Limits,
  ): Promise<QueryResult<R>> {
    return this.#operate<QueryResult<R>>(text, limits, ({ done }) => {
      this.#wire.query(text, values, name, (error, result) => {
        if (error) done(error)
        else done(undefined, lastOf<R>(result))
      })
      return () => false
    })
  }

  #copy(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    { signal, timeoutMs }: Limits & { readonly timeoutMs: number },
  ): Promise<CopyResult> {
    const what = `copy into ${table}`
    let timer: NodeJS.Timeout | undefined
    // How long the rows take to come is the caller's affair: only the server's share is timed.
    return this.#operate<CopyResult>(what, { signal, timeoutMs: undefined }, ({ done, giveUp }) => {
      const copy = new CopyIn(table, columns, rows, {
        onServerTurn: (isServers) => {
          clearTimeout(timer)
          if (isServers)
            timer = setTimeout(() => giveUp(timeoutOf(this.#settings.pool, what, timeoutMs)), timeoutMs)
        },
        onDone: (error, result) => {
          clearTimeout(timer)
          done(error, result)
        },
      })
      this.#wire.copy(copy)
      return () => {
        const told = copy.stop()
        clearTimeout(timer)
        return told
      }
    })
  }

  /**
   * One exchange with the server, made to settle: by its outcome when the connection is ready again, else at the
   * limit or the abort at once. `start` returns what tells the server to stop; `false` means it has no way to.
   */
  #operate<R>(
    what: string,
    { timeoutMs, signal }: Limits,
    start: (operation: Operation<R>) => () => boolean,
  ): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { lostBy } = this.#wire
    if (lostBy !== undefined) return Promise.reject(this.#describe(lostBy.error, what))

    return new Promise<R>((resolve, reject) => {
      let over = false
      let failure: unknown
      let stop: (() => boolean) | undefined
      const end = (settle: () => void): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        settle()
      }
      const giveUp = (reason: unknown): void =>
        end(() => {
          this.#settling = this.#settle(stop, () => failure)
          reject(reason)
        })
      const done = (error: unknown, result?: R): void => {
        if (error === undefined) return end(() => resolve(result as R))
        failure = error
        this.#wire.whenReady(() => end(() => reject(this.#describe(error, what))))
      }
      const onAbort = (): void => giveUp(signal?.reason)
      const timer =
        timeoutMs &&
        setTimeout(() => giveUp(timeoutOf(this.#settings.pool, what, timeoutMs)), Math.max(1, timeoutMs))
      try {
        signal?.addEventListener('abort', onAbort)
        stop = start({ done, giveUp })
      } catch (error) {
        end(() => reject(error))
      }
    })
  }

  /**
   * Stops a statement whose caller has gone. The connection is kept only if the server says that it was cut
   * short (57014): then the interrupt has been used up and cannot hit the next statement.
   */
  async #settle(stop: (() => boolean) | undefined, failure: () => unknown): Promise<void> {
    const interrupted = stop?.() ? undefined : this.#wire.cancel()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      this.#wire.whenReady(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    if (!this.#wire.ready || serverError(failure())?.code !== '57014') {
      const cause = new Error('its statement was given up')
      if (interrupted === undefined) await this.drop(cause)
      else this.#wire.drop(cause)
    }
    await interrupted
    this.#settling = undefined
  }

  async #clean(): Promise<void> {
    await this.#settling
    if (!this.#wire.ready) await this.drop(new Error('it was returned while a statement was under way'))
    await this.rollback()
    if (this.#wire.lostBy !== undefined) throw this.#wire.lostBy.error
  }

  #describe(error: unknown, what: string): unknown {
    return describeFailure(error, { pool: this.#settings.pool, what, lost: this.#wire.lostBy !== undefined })
  }

  #begin(): number | undefined {
    this.#settings.counts.statements++
    return queryChannel.hasSubscribers ? performance.now() : undefined
  }

  #tell(startedAt: number | undefined, rows: number, failure?: { readonly code: string | undefined }): void {
    if (startedAt === undefined || !queryChannel.hasSubscribers) return
    const { pool } = this.#settings
    const ms = performance.now() - startedAt
    const ok = failure === undefined
    queryChannel.publish({
      pool,
      ms,
      ok,
      lane: 'exclusive',
      rows,
      code: failure?.code,
    } satisfies QueryMessage)
  }

  #tellFailure(startedAt: number | undefined, error: unknown): void {
    this.#settings.counts.failures++
    this.#tell(startedAt, 0, { code: error instanceof ConnectionsError ? error.code : undefined })
  }
}

function lastOf<R>(result: unknown): QueryResult<R> {
  const last = Array.isArray(result) ? result.at(-1) : result
  const { rows, rowCount, command, fields } = last as QueryResult<R>
  return { rows, rowCount, command, fields }
}
