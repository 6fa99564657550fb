import { describeFailure, sessionStateOf } from '../failures.ts'
import type { QueryOptions, QueryResult } from '../options.ts'
import type { StatementLog } from '../statement-log.ts'
import { serverError } from '../wire/server-error.ts'
import type { Binder } from './binder.ts'
import type { Sent } from './sent.ts'
import type { Statement } from './statement.ts'
import { repeatable } from './rescue.ts'
import { judge } from './verdict.ts'

/** Who runs statements that cannot share. */
export interface LoneRunner {
  /** Runs a statement on a connection of its own. */
  runAlone(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<unknown>>
}

/** What becomes of statements: their callers and the log hear of it, or they are queued again. */
export class Outcomes {
  readonly #pool: string
  readonly #maxLines: number
  readonly #log: StatementLog
  readonly #runner: LoneRunner
  readonly #binder: Binder

  constructor(pool: string, maxLines: number, log: StatementLog, runner: LoneRunner, binder: Binder) {
    this.#pool = pool
    this.#maxLines = maxLines
    this.#log = log
    this.#runner = runner
    this.#binder = binder
  }

  /** A copy was answered, which may settle its statement. */
  answered(sent: Sent, now: number): void {
    const { statement, line } = sent
    const verdict = judge(sent, this.#maxLines)
    if (verdict === 'session' || verdict === 'changed') line.leave('broken')
    if (statement.settled) return
    switch (verdict) {
      case 'changed':
        // If it happens elsewhere too, it is the statement.
        if (!repeatable(sent)) return this.#succeed(statement, sent.result())
        if (!statement.suspected) {
          statement.suspected = true
          return this.#again(statement)
        }
        statement.profile.kind = 'session'
        return this.fail(statement, sessionStateOf(this.#pool, statement.text, true))
      case 'result':
        return this.#succeed(statement, sent.result())
      case 'session':
        statement.profile.kind = 'session'
        return this.fail(statement, sessionStateOf(this.#pool, statement.text, true))
      case 'own':
        statement.profile.kind = 'own'
        return this.#toItsOwn(statement)
      case 'write':
        if (statement.profile.kind === 'shared') statement.profile.kind = 'write'
        return this.#again(statement)
      case 'again':
        statement.lost(line.openedAt, now)
        this.#log.retried(serverError(sent.failure?.error)?.code ?? 'lost')
        if (sent.prepared !== undefined) line.client.wire.prepared.forget(sent.prepared)
        // Which of the two the server does not know is not said.
        if (sent.writes) line.client.wire.renewWritable()
        return this.#again(statement)
      case 'failed': {
        // Another copy of it may still be answered.
        const lost = line.client.wire.lostBy !== undefined
        if (lost && (statement.copies > 0 || statement.queued)) return
        const at = { pool: this.#pool, what: statement.text, lost, mayHaveRun: true }
        this.fail(statement, describeFailure(sent.failure!.error, at))
      }
    }
  }

  /** While it waited, one of the same text told that they cannot share. */
  refuse(statement: Statement): void {
    if (statement.profile.kind === 'own') this.#toItsOwn(statement)
    else this.fail(statement, sessionStateOf(this.#pool, statement.text, false))
  }

  fail(statement: Statement, error: unknown): void {
    this.#binder.withdraw(statement)
    statement.reject(error)
    this.#log.failed('shared', statement.text, statement.arrivedAt, error)
  }

  #succeed(statement: Statement, result: QueryResult<unknown>): void {
    this.#binder.withdraw(statement)
    statement.resolve(result)
    this.#log.done('shared', statement.text, statement.arrivedAt, result.rowCount ?? 0)
  }

  #again(statement: Statement): void {
    if (!statement.queued && statement.copies === 0) this.#binder.addAgain(statement)
  }

  #toItsOwn(statement: Statement): void {
    const { text, values, options, arrivedAt } = statement
    this.#binder.withdraw(statement)
    // There it is counted, and limited, anew.
    this.#log.counts.statements--
    const leftMs = options.timeoutMs && Math.max(1, options.timeoutMs - (performance.now() - arrivedAt))
    statement.resolve(this.#runner.runAlone(text, values, { ...options, timeoutMs: leftMs }))
  }
}
