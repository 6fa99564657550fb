import { ConnectionsError } from '../errors.ts'
import { checkMs } from '../check.ts'
import { queryChannel, type QueryMessage } from '../telemetry.ts'
import { checkCopy, CopyIn, type CopyResult, type CopyRows } from './copy-in.ts'
import { describeFailure, isStale, timeoutOf } from './failures.ts'
import { checkStatement, type CopyOptions, type QueryOptions, type QueryResult } from './options.ts'
import { leavesState } from './session-state.ts'
import { Answer, type ResultFormat } from './wire/answer.ts'
import type { Prepared } from './wire/prepared-statements.ts'
import { serverError } from './wire/server-error.ts'
import { graceMs, type Wire } from './wire/wire.ts'

/** What the clients of a pool have in common. */
export interface ClientSettings {
  readonly pool: string
  readonly statementTimeoutMs: number
  readonly maxResultBytes: number
  readonly counts: { statements: number; failures: number }
}

interface Limits {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

interface Operation<R> {
  /** The last call of an operation: why it failed, or else its result. */
  readonly done: (failure: { readonly error: unknown } | undefined, result?: R) => void
  readonly giveUp: (reason: unknown) => void
}

/** A connection for one holder: one statement at a time, each settled within its limits whatever the server does. */
export class PostgresClient {
  readonly wire: Wire
  /** Whether it may carry state of a session that the next holder must not find. */
  hasState = false
  readonly #settings: ClientSettings
  #settling: Promise<void> | undefined

  constructor(wire: Wire, settings: ClientSettings) {
    this.wire = wire
    this.#settings = settings
  }

  /** Whether it may be lent: not known to be lost. */
  get usable(): boolean {
    return this.wire.lostBy === undefined
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
    const startedAt = this.#begin()
    try {
      if (this.#settling !== undefined) await this.#settling
      const result = await this.#prepared<R>(text, values, options)
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
      if (this.wire.inTransaction) await this.query('rollback', undefined, { timeoutMs: graceMs })
    } catch (error) {
      this.wire.drop(error)
    }
  }

  /** Makes it fit for the next borrower: synchronously, as a rule. A failure means that it is not. */
  reset(): void | Promise<void> {
    const { wire } = this
    if (this.#settling === undefined && wire.idle && !wire.inTransaction && !this.hasState) return undefined
    return this.#clean()
  }

  close(): Promise<void> {
    return this.wire.end()
  }

  /** Hangs up at once; what runs on it fails, and is stopped on the server too, which would not notice soon. */
  async drop(cause: unknown): Promise<void> {
    const interrupted = this.wire.idle || !this.usable ? undefined : this.wire.cancel()
    this.wire.drop(cause)
    await interrupted
  }

  async #prepared<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    const { name } = options
    const prepare = name !== undefined || values !== undefined
    const prepared = prepare ? this.wire.prepared.of(text, name) : undefined
    try {
      return await this.#query<R>(text, values, prepared, options)
    } catch (error) {
      if (prepared === undefined || !isStale(error)) throw error
      this.wire.prepared.forget(prepared)
      // It was refused before it did anything; but a transaction is lost by that, and its owner must know.
      if (this.wire.inTransaction) throw error
      return this.#query<R>(text, values, this.wire.prepared.of(text, name), options)
    }
  }

  #query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    prepared: Prepared | undefined,
    { signal, timeoutMs = this.#settings.statementTimeoutMs, rowMode = 'object', types }: QueryOptions,
  ): Promise<QueryResult<R>> {
    return this.#operate<QueryResult<R>>(text, { signal, timeoutMs }, ({ done, giveUp }) => {
      const { wire } = this
      const format = { rowMode, types, maxBytes: this.#settings.maxResultBytes }
      const answer = new ClientAnswer(format, giveUp, () => {
        if (leavesState(answer.tag ?? '', text)) this.hasState = true
        if (answer.failure === undefined) done(undefined, answer.result<R>())
        else done(answer.failure)
      })
      if (prepared === undefined && values === undefined) wire.script(answer, text)
      else wire.run(answer, text, values ?? [], prepared)
      wire.flush()
      return () => {
        answer.unwanted = true
        return false
      }
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
      const onServerTurn = (isServers: boolean): void => {
        clearTimeout(timer)
        if (!isServers) return
        timer = setTimeout(() => giveUp(timeoutOf(this.#settings.pool, what, timeoutMs)), timeoutMs)
      }
      const copy = new CopyIn(this.wire, table, columns, rows, {
        onServerTurn,
        onDone: (failure, result) => {
          clearTimeout(timer)
          done(failure, result)
        },
      })
      onServerTurn(true)
      this.wire.script(copy, copy.text)
      this.wire.flush()
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
    const { lostBy } = this.wire
    if (lostBy !== undefined) return Promise.reject(this.#describe(lostBy.error, what, false))

    return new Promise<R>((resolve, reject) => {
      let over = false
      let failure: { readonly error: unknown } | undefined
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
          this.#settling = this.#settle(stop, () => failure?.error)
          reject(reason)
        })
      const done = (failed: { readonly error: unknown } | undefined, result?: R): void => {
        failure = failed
        end(() => {
          if (failed === undefined) resolve(result as R)
          else reject(this.#describe(failed.error, what, true))
        })
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
    const interrupted = stop?.() ? undefined : this.wire.cancel()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      this.wire.whenIdle(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    if (!this.wire.idle || serverError(failure())?.code !== '57014') {
      const cause = new Error('its statement was given up')
      if (interrupted === undefined) await this.drop(cause)
      else this.wire.drop(cause)
    }
    await interrupted
    this.#settling = undefined
  }

  async #clean(): Promise<void> {
    await this.#settling
    if (!this.wire.idle) await this.drop(new Error('it was returned while a statement was under way'))
    await this.rollback()
    if (this.hasState && this.usable) {
      await this.query('discard all', undefined, { timeoutMs: graceMs })
      this.wire.prepared.clear()
      this.hasState = false
    }
    if (this.wire.lostBy !== undefined) throw this.wire.lostBy.error
  }

  #describe(error: unknown, what: string, mayHaveRun: boolean): unknown {
    const lost = this.wire.lostBy !== undefined
    return describeFailure(error, { pool: this.#settings.pool, what, lost, mayHaveRun })
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

class ClientAnswer extends Answer {
  readonly #onOverflow: (error: ConnectionsError) => void
  readonly #onEnd: () => void

  constructor(format: ResultFormat, onOverflow: (error: ConnectionsError) => void, onEnd: () => void) {
    super(format)
    this.#onOverflow = onOverflow
    this.#onEnd = onEnd
  }

  override overflow(error: ConnectionsError): void {
    this.#onOverflow(error)
  }

  override end(): void {
    this.#onEnd()
  }
}
