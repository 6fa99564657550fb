import type { ConnectionsError } from '../../errors.ts'
import { queueFullOf, timeoutOf, waitTimeoutOf } from '../failures.ts'
import type { CheckedOptions } from '../options.ts'
import type { StatementLog } from '../statement-log.ts'
import type { Binder } from './binder.ts'
import type { MultiplexerHost } from './host.ts'
import type { Statement } from './statement.ts'

/** How long statements may take and how many may wait: each statement's own limits, and the pool's for all others. */
export class Limits {
  readonly #pool: string
  readonly #options: CheckedOptions
  readonly #log: StatementLog
  readonly #host: Pick<MultiplexerHost, 'explainWait'>
  readonly #giveUp: (statement: Statement, error: unknown) => void

  constructor(
    pool: string,
    options: CheckedOptions,
    log: StatementLog,
    host: Pick<MultiplexerHost, 'explainWait'>,
    giveUp: (statement: Statement, error: unknown) => void,
  ) {
    this.#pool = pool
    this.#options = options
    this.#log = log
    this.#host = host
    this.#giveUp = giveUp
  }

  /** Ends a statement at the limit or the abort that its caller has set. */
  watch(statement: Statement): void {
    const { timeoutMs, signal } = statement.options
    if (timeoutMs !== undefined || signal !== undefined) this.#watch(statement, timeoutMs, signal)
  }

  /** Ends those that are past the pool's limits: the one for the wait and, once sent, the one for a statement. */
  sweep(statements: Iterable<Statement>, now: number): void {
    const { acquireTimeoutMs, statementTimeoutMs } = this.#options
    for (const statement of statements) {
      const { sentAt, arrivedAt } = statement
      const limitMs = sentAt > 0 ? statementTimeoutMs : acquireTimeoutMs
      const own = sentAt > 0 && statement.options.timeoutMs !== undefined
      if (!own && now - (sentAt || arrivedAt) > limitMs)
        this.#giveUp(statement, this.#timeout(statement, limitMs))
    }
  }

  /** When more wait than may, those that came last are refused. */
  shed(binder: Binder): void {
    const { maxWaiting, maxSize } = this.#options
    // Those for which a line may still come do not wait for others.
    const room = maxWaiting + maxSize - binder.lines.length
    if (binder.queued <= room) return
    const waiting = [...binder.statements()].toSorted((a, b) => a.order - b.order)
    for (const statement of waiting.slice(room)) this.#giveUp(statement, this.#queueFull(statement))
  }

  /** Why nobody may wait besides those that were left waiting, if so. */
  refusal(left: number, lines: number): ConnectionsError | undefined {
    const { maxWaiting, maxSize } = this.#options
    return left < maxWaiting + maxSize - lines ? undefined : queueFullOf(this.#pool, maxWaiting, false)
  }

  #queueFull({ sentAt }: Statement): ConnectionsError {
    return queueFullOf(this.#pool, this.#options.maxWaiting, sentAt > 0)
  }

  #watch(statement: Statement, timeoutMs: number | undefined, signal: AbortSignal | undefined): void {
    const timer =
      timeoutMs &&
      setTimeout(() => this.#giveUp(statement, this.#timeout(statement, timeoutMs)), Math.max(1, timeoutMs))
    const onAbort = (): void => this.#giveUp(statement, signal?.reason)
    signal?.addEventListener('abort', onAbort)
    statement.release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #timeout(statement: Statement, timeoutMs: number): ConnectionsError {
    if (statement.sentAt > 0) return timeoutOf(this.#pool, statement.text, timeoutMs)
    this.#log.counts.timeouts++
    return waitTimeoutOf(this.#pool, timeoutMs, this.#host.explainWait())
  }
}
