import type { ConnectionsError } from '../../errors.ts'
import { Answer, type ResultFormat } from '../wire/answer.ts'
import type { Line } from './line.ts'
import type { Statement } from './statement.ts'

/** A copy of a statement under way on a line, and its answer. */
export class Sent extends Answer {
  readonly statement: Statement
  readonly line: Line
  /** How much of the line it takes: 1 for all of it. */
  readonly share: number
  readonly exclusive: boolean
  /** Whether the server has to parse it first. */
  readonly parses: boolean
  readonly sentAt: number
  /** Whether the server was told, on a guarded line, that it writes. */
  readonly writes: boolean
  /** It has stood at the head of its line for too long. */
  stuck = false

  constructor(
    statement: Statement,
    line: Line,
    format: ResultFormat,
    now: number,
    share: number,
    exclusive: boolean,
    parses: boolean,
    writes: boolean,
  ) {
    super(format)
    this.statement = statement
    this.line = line
    this.sentAt = now
    this.share = share
    this.exclusive = exclusive
    this.parses = parses
    this.writes = writes
  }

  /** Since when the server has worked on it, if it is the head of its line. */
  get headSince(): number {
    return Math.max(this.sentAt, this.line.lastAnswerAt)
  }

  override end(): void {
    this.line.answered(this)
  }

  override overflow(error: ConnectionsError): void {
    this.line.overflowed(this, error)
  }
}
