import { Fifo } from '../../fifo.ts'
import type { PostgresTypes } from '../options.ts'
import type { Answer } from './answer.ts'
import { CommandTags } from './command-tag.ts'
import { endOfText, protocolError, readInt32, type MessageHandler } from './message-reader.ts'
import { RowShape } from './row-shape.ts'
import { readError, readFields, type ServerError } from './server-error.ts'

/** A message of LISTEN. */
export interface WireNotification {
  readonly channel: string
  readonly payload: string
  /** The backend that sent it. */
  readonly processId: number
}

export interface RepliesOptions {
  readonly types: PostgresTypes | undefined
  readonly onNotice: (notice: object) => void
  readonly onNotification: (notification: WireNotification) => void
  /** The server waits for the data of a COPY, and this answer has none. */
  readonly refuseCopy: (answer: Answer, why: string) => void
}

/** What the server says, handed to the answers it is for: exchanges are answered in the order they were said. */
export class Replies implements MessageHandler {
  readonly #options: RepliesOptions
  readonly #answers = new Fifo<Answer>()
  readonly #tags = new CommandTags()
  #whenIdle: (() => void)[] = []
  /** Whether anything has come for the first answer. */
  #heard = false
  #status = statusIdle
  #lostBy: { readonly error: unknown } | undefined

  constructor(options: RepliesOptions) {
    this.#options = options
  }

  /** How many exchanges have not been answered. */
  get pending(): number {
    return this.#answers.length
  }

  /** Whether a transaction was open after the last answer. */
  get inTransaction(): boolean {
    return this.#status !== statusIdle
  }

  get lostBy(): { readonly error: unknown } | undefined {
    return this.#lostBy
  }

  expect(answer: Answer): void {
    this.#answers.push(answer)
  }

  /** Calls back when everything is answered, or nothing will be. */
  whenIdle(then: () => void): void {
    if (this.#answers.length === 0 || this.#lostBy !== undefined) then()
    else this.#whenIdle.push(then)
  }

  /** Nothing more will come. Tells whether this is the first to say so. */
  lose(error: unknown): boolean {
    if (this.#lostBy !== undefined) return false
    this.#lostBy = { error }
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) {
      answer.fail(error)
      answer.end()
    }
    this.#wake()
    return true
  }

  /** @throws {ConnectionsError} CONNECTIONS_PROTOCOL and what the server says when it ends the session */
  onMessage(code: number, buffer: Buffer, start: number, end: number): void {
    const answer = this.#answers.first
    if (answer === undefined) return this.#unasked(code, buffer, start, end)
    if (code === codes.ReadyForQuery) return this.#ready(answer, buffer, start, end)
    if (this.#aside(code, buffer, start, end)) return
    this.#heard = true
    switch (code) {
      case codes.DataRow:
        return answer.row(buffer, start, end)
      case codes.CommandComplete:
        return answer.complete(this.#tags.read(buffer, start, end))
      case codes.BindComplete: // a statement described before has its columns
        if (answer.prepared?.shape !== undefined) answer.describe(answer.prepared.shape)
        return
      case codes.ParseComplete:
        answer.parsing = undefined
        return
      case codes.RowDescription:
        return describe(answer, RowShape.read(buffer, start, end, this.#options.types))
      case codes.NoData:
        return describe(answer, undefined)
      case codes.ErrorResponse:
        return fail(answer, readError(buffer, start, end))
      case codes.PortalSuspended:
        answer.suspended = true
        return
      case codes.CopyInResponse:
        return answer.copyIn((why) => this.#options.refuseCopy(answer, why))
      case codes.CloseComplete:
      case codes.CopyOutResponse:
      case codes.EmptyQueryResponse:
      case codes.CopyDone:
      case codes.CopyData:
      case codes.ParameterDescription:
        return
      default:
        throw protocolError(`the server sent an unknown message (${code})`)
    }
  }

  /** A row may be passed over: then only its answer fails. */
  onTooLong(code: number): boolean {
    const answer = this.#answers.first
    if (code !== codes.DataRow || answer === undefined) return false
    this.#heard = true
    answer.overlongRow()
    return true
  }

  #ready(answer: Answer, buffer: Buffer, start: number, end: number): void {
    const status = buffer[start]!
    // Answered without a word, it was not: from here on each answer would go to the wrong exchange.
    if (!this.#heard || end - start !== 1 || !statuses.has(status)) {
      throw protocolError('the server says that it is ready where it cannot be')
    }
    this.#status = status
    this.#heard = false
    this.#answers.shift()
    if (answer.parsing !== undefined) answer.parsing.sent = false
    answer.end()
    if (this.#answers.length === 0) this.#wake()
  }

  #parameterChanged(buffer: Buffer, start: number, end: number): void {
    const answer = this.#answers.first
    const name = buffer.toString('latin1', start, endOfText(buffer, start, end))
    // That a standby is promoted is no statement's doing.
    if (answer !== undefined && name !== 'in_hot_standby') answer.changedParameter = true
  }

  /** What comes at any time, whatever else is under way. */
  #aside(code: number, buffer: Buffer, start: number, end: number): boolean {
    if (code === codes.NoticeResponse) this.#options.onNotice(readFields(buffer, start, end))
    else if (code === codes.NotificationResponse) {
      this.#options.onNotification(readNotification(buffer, start, end))
    } else if (code === codes.ParameterStatus) this.#parameterChanged(buffer, start, end)
    else return false
    return true
  }

  #unasked(code: number, buffer: Buffer, start: number, end: number): void {
    // The rest of what had arrived when it was lost.
    if (this.#lostBy !== undefined || this.#aside(code, buffer, start, end)) return
    // It says why it is about to close the connection.
    if (code === codes.ErrorResponse) throw readError(buffer, start, end)
    throw protocolError(`the server sent a message (${code}) that nobody asked for`)
  }

  #wake(): void {
    if (this.#whenIdle.length === 0) return
    const waiting = this.#whenIdle
    this.#whenIdle = []
    for (const then of waiting) then()
  }
}

/** A listener to notices that may throw: out of here it would end the process, in the middle of a statement. */
export function harmless(onNotice: ((notice: object) => void) | undefined): (notice: object) => void {
  return (notice) => {
    try {
      onNotice?.(notice)
    } catch {
      // It is the service's own, and no statement's affair.
    }
  }
}

function fail(answer: Answer, error: ServerError): void {
  answer.fail(error)
  // Nothing comes after these but the end of the connection.
  if (error.severity === 'FATAL' || error.severity === 'PANIC') throw error
}

function describe(answer: Answer, shape: RowShape | undefined): void {
  if (answer.prepared !== undefined) {
    answer.prepared.shape = shape
    answer.prepared.described = true
  }
  if (shape !== undefined) answer.describe(shape)
}

function readNotification(buffer: Buffer, start: number, end: number): WireNotification {
  const channelEnd = endOfText(buffer, start + 4, end)
  const payloadEnd = endOfText(buffer, channelEnd + 1, end)
  return {
    processId: readInt32(buffer, start),
    channel: buffer.toString('utf8', start + 4, channelEnd),
    payload: buffer.toString('utf8', channelEnd + 1, payloadEnd),
  }
}

const statusIdle = 73
/** Idle, in a transaction, in one that failed: `I`, `T`, `E`. */
const statuses = new Set([statusIdle, 84, 69])

/** PostgreSQL documentation, "Message Formats". */
const codes = {
  ParseComplete: 49,
  BindComplete: 50,
  CloseComplete: 51,
  NotificationResponse: 65,
  CommandComplete: 67,
  DataRow: 68,
  ErrorResponse: 69,
  CopyInResponse: 71,
  CopyOutResponse: 72,
  EmptyQueryResponse: 73,
  NoticeResponse: 78,
  ParameterStatus: 83,
  RowDescription: 84,
  ReadyForQuery: 90,
  CopyDone: 99,
  CopyData: 100,
  NoData: 110,
  PortalSuspended: 115,
  ParameterDescription: 116,
} as const
