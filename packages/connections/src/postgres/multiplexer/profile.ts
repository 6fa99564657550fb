import { Fifo } from '../../fifo.ts'
import { CostEstimate, slowMs } from './cost-estimate.ts'
import type { Sent } from './sent.ts'
import type { Statement } from './statement.ts'
import { hasSideEffects, kindOf, type TextKind } from './text-kind.ts'

/** One statement text: what it is, what it costs, and those of its calls that wait to be sent. */
export class Profile {
  readonly text: string
  readonly cost: CostEstimate = new CostEstimate()
  readonly hasSideEffects: boolean
  kind: TextKind
  /** The copies under way whose heads of line have not moved for too long, the oldest first. */
  readonly stuck: Sent[] = []
  /** Copies that have a line for themselves. */
  exclusive = 0
  /** Answers in good time since the first of the stuck ones got stuck, and since the last. */
  okSinceFirstStuck = 0
  okSinceLastStuck = 0
  /** Under way, in all. */
  inFlight = 0
  /** What the server says it did when it left nothing on its connection. */
  harmlessTag: string | undefined
  /** For the binder: whether it is among those in which something may wait. */
  listed = false
  readonly #queue = new Fifo<Statement>()
  #settledInQueue = 0

  constructor(text: string) {
    this.text = text
    this.kind = kindOf(text)
    this.hasSideEffects = hasSideEffects(text)
  }

  /** How many wait to be sent. */
  get queued(): number {
    return this.#queue.length - this.#settledInQueue
  }

  get first(): Statement | undefined {
    for (;;) {
      const statement = this.#queue.first
      if (statement === undefined || statement.queued) return statement
      this.#queue.shift()
      this.#settledInQueue--
    }
  }

  /** Whether nobody uses it. */
  get unused(): boolean {
    return this.inFlight === 0 && this.#queue.length === 0
  }

  /** Whether it may be held up by a lock: then nothing goes behind it until it has proved itself again. */
  get suspect(): boolean {
    return this.stuck.length > 0 && this.okSinceLastStuck < 10
  }

  /** Whether each of it needs a line for itself. */
  get needsOwnLine(): boolean {
    return this.kind === 'write' || this.cost.needsOwnLine || this.suspect
  }

  /** Whether its oldest copy under way has taken far longer than is known of it. */
  overdue(now: number): boolean {
    const oldest = this.stuck[0]
    if (oldest === undefined) return false
    return now - oldest.headSince > Math.max(2 * slowMs, 4 * this.cost.completedMeanMs)
  }

  push(statement: Statement): void {
    statement.queued = true
    this.#queue.push(statement)
  }

  /** Queues one again that was sent, at its place: behind those that came before it. */
  putBack(statement: Statement): void {
    const older: Statement[] = []
    for (let first = this.first; first !== undefined && first.order < statement.order; first = this.first) {
      older.push(first)
      this.#queue.shift()
    }
    statement.queued = true
    this.#queue.unshift(statement)
    for (const one of older.toReversed()) this.#queue.unshift(one)
  }

  shift(): Statement {
    const statement = this.first!
    this.#queue.shift()
    statement.queued = false
    return statement
  }

  /** Those that wait to be sent. */
  *waiting(): Iterable<Statement> {
    for (const statement of this.#queue) if (statement.queued) yield statement
  }

  /** One of those that wait is settled elsewhere: it is skipped, and many such are cleared out. */
  withdraw(statement: Statement): void {
    statement.queued = false
    const gone = ++this.#settledInQueue
    if (this.first === undefined || gone < 32 || gone < this.#queue.length / 2) return
    this.#queue.keep(({ queued }) => queued)
    this.#settledInQueue = 0
  }

  becameStuck(sent: Sent): void {
    if (this.stuck.length === 0) this.okSinceFirstStuck = 0
    this.okSinceLastStuck = 0
    this.stuck.push(sent)
  }

  answered(sent: Sent, headMs: number, lost: boolean): void {
    if (sent.stuck) this.stuck.splice(this.stuck.indexOf(sent), 1)
    if (lost) return
    if (!sent.stuck) {
      this.okSinceFirstStuck++
      this.okSinceLastStuck++
    }
    // The first on a connection is parsed and planned there, which the others are not.
    if (!sent.parses || headMs > slowMs) this.cost.completed(headMs)
  }
}
