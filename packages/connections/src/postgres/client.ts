import { checkMs } from '../check.ts'
import { checkCopy, CopyIn, type CopyResult, type CopyRows } from './copy-in.ts'
import { ExchangeAnswer, Exchanges, type Limits } from './exchanges.ts'
import { isStale, timeoutOf } from './failures.ts'
import { checkStatement, type CopyOptions, type QueryOptions, type QueryResult } from './options.ts'
import { leavesState } from './session-state.ts'
import type { StatementLog } from './statement-log.ts'
import type { Prepared } from './wire/prepared-statements.ts'
import { graceMs, type Wire } from './wire/wire.ts'

/** What the clients of a pool have in common. */
export interface ClientSettings {
  readonly pool: string
  readonly statementTimeoutMs: number
  readonly maxResultBytes: number
  readonly maxPrepared: number
  readonly log: StatementLog
}

/** A connection for one holder: one statement at a time, each settled within its limits whatever the server does. */
export class PostgresClient {
  readonly wire: Wire
  readonly settings: ClientSettings
  readonly exchanges: Exchanges
  readonly log: StatementLog
  readonly connectedAt: number = performance.now()
  /** Whether it may carry state of a session that the next holder must not find. */
  hasState = false
  /** The cursor whose own transaction is open: nothing else may run in that. */
  cursor: object | undefined
  /** The BEGIN of a transaction in which nothing has been asked for yet: it travels with the first statement. */
  #begin: string | undefined

  constructor(wire: Wire, settings: ClientSettings) {
    this.wire = wire
    this.settings = settings
    this.exchanges = new Exchanges(wire, settings.pool)
    this.log = settings.log
  }

  /** Whether it may be lent: not known to be lost. */
  get usable(): boolean {
    return this.wire.lostBy === undefined
  }

  /** Whether a statement that was given up is still being stopped. */
  get settling(): boolean {
    return this.exchanges.settling !== undefined
  }

  /** Whether a transaction is to begin with the next statement. */
  get beginning(): boolean {
    return this.#begin !== undefined
  }

  /** Has the next statement begin a transaction, or, without a text, no longer. */
  beginWith(text: string | undefined): void {
    this.#begin = text
  }

  /** Begins the transaction now, for what cannot begin it on its way. */
  async begin(limits: Limits): Promise<void> {
    const text = this.#begin
    if (text === undefined) return
    await this.#query(text, undefined, undefined, limits)
    this.#begin = undefined
  }

  /** Runs one statement. One with values is prepared, once for each text. */
  async query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    checkStatement(text, values, options)
    const startedAt = this.log.begin()
    try {
      if (this.settling) await this.exchanges.settling
      const { signal, timeoutMs } = options
      if (this.#begin !== undefined && (values === undefined || !this.#mayPrelude))
        await this.begin({ signal, timeoutMs })
      const result = await this.#prepared<R>(text, values, options)
      this.log.done('exclusive', text, startedAt, result.rowCount ?? 0)
      return result
    } catch (error) {
      this.log.failed('exclusive', text, startedAt, error)
      throw error
    }
  }

  async copyFrom(
    table: string,
    columns: readonly string[],
    rows: CopyRows,
    { signal, timeoutMs = this.settings.statementTimeoutMs }: CopyOptions,
  ): Promise<CopyResult> {
    checkCopy(table, columns, rows)
    checkMs('timeoutMs', timeoutMs)
    const startedAt = this.log.begin()
    try {
      if (this.settling) await this.exchanges.settling
      await this.begin({ signal, timeoutMs })
      const result = await this.#copy(table, columns, rows, { signal, timeoutMs })
      this.log.done('exclusive', `copy into ${table}`, startedAt, result.rows)
      return result
    } catch (error) {
      this.log.failed('exclusive', `copy into ${table}`, startedAt, error)
      throw error
    }
  }

  /** Ends a transaction that is open, if there is one. Never rejects: a connection that cannot is given up. */
  async rollback(): Promise<void> {
    try {
      await this.exchanges.settling
      if (this.wire.inTransaction) await this.query('rollback', undefined, { timeoutMs: graceMs })
    } catch (error) {
      this.wire.drop(error)
    }
  }

  /** Makes it fit for the next borrower: synchronously, as a rule. A failure means that it is not. */
  reset(): void | Promise<void> {
    const { wire } = this
    this.cursor = undefined
    this.#begin = undefined
    if (!this.settling && wire.idle && !wire.inTransaction && !this.hasState) return undefined
    return this.#clean()
  }

  close(): Promise<void> {
    return this.wire.end()
  }

  /** Hangs up at once; what runs on it fails, and is stopped on the server too. */
  drop(cause: unknown): Promise<void> {
    return this.exchanges.drop(cause)
  }

  /** Whether two statements have room to be prepared at once, as one and the BEGIN before it must. */
  get #mayPrelude(): boolean {
    return this.settings.maxPrepared >= 2
  }

  async #prepared<R>(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<R>> {
    const { name } = options
    const prepare = name !== undefined || values !== undefined
    const prepared = prepare ? this.wire.prepared.of(text, name) : undefined
    const begin = this.#begin
    try {
      return await this.#query<R>(text, values, prepared, options)
    } catch (error) {
      if (prepared === undefined || !isStale(error)) throw error
      this.wire.prepared.forget(prepared)
      // It was refused before it did anything; but a transaction is lost by that, and its owner must know.
      if (this.wire.inTransaction) throw error
      if (begin !== undefined) this.#beginAnew(begin)
      return this.#query<R>(text, values, this.wire.prepared.of(text, name), options)
    }
  }

  /** It may have been BEGIN that the server did not know any more. */
  #beginAnew(text: string): void {
    const prepared = this.wire.prepared.of(text)
    if (prepared !== undefined) this.wire.prepared.forget(prepared)
    this.#begin = text
  }

  #query<R>(
    text: string,
    values: readonly unknown[] | undefined,
    prepared: Prepared | undefined,
    { signal, timeoutMs = this.settings.statementTimeoutMs, rowMode = 'object', types }: QueryOptions,
  ): Promise<QueryResult<R>> {
    return this.exchanges.run<QueryResult<R>>(text, { signal, timeoutMs }, ({ done, giveUp }) => {
      const { wire } = this
      const format = { rowMode, types, maxBytes: this.settings.maxResultBytes }
      const answer = new ExchangeAnswer(format, giveUp, () => {
        if (answer.tags.some((tag) => leavesState(tag, text))) this.hasState = true
        if (answer.failure === undefined) done(undefined, answer.result<R>())
        else done(answer.failure)
      })
      if (prepared === undefined && values === undefined) wire.script(answer, text)
      else {
        const begin = this.#begin === undefined ? undefined : wire.prepared.of(this.#begin)
        wire.run(answer, text, values ?? [], prepared, begin)
        // Not before it is said: a value that cannot be converted must not cost the transaction its beginning.
        this.#begin = undefined
      }
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
    return this.exchanges.run<CopyResult>(what, { signal, timeoutMs: undefined }, ({ done, giveUp }) => {
      const onServerTurn = (isServers: boolean): void => {
        clearTimeout(timer)
        if (!isServers) return
        timer = setTimeout(() => giveUp(timeoutOf(this.settings.pool, what, timeoutMs)), timeoutMs)
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

  async #clean(): Promise<void> {
    await this.exchanges.settling
    if (!this.wire.idle) await this.drop(new Error('it was returned while a statement was under way'))
    await this.rollback()
    if (this.hasState && this.usable) {
      await this.query('discard all', undefined, { timeoutMs: graceMs })
      this.wire.prepared.clear()
      this.hasState = false
    }
    if (this.wire.lostBy !== undefined) throw this.wire.lostBy.error
  }
}
