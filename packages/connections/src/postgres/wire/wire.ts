import type { Socket } from 'node:net'
import pg from 'pg'
import { ConnectionsError } from '../../errors.ts'
import { Fifo } from '../../fifo.ts'
import { sendCancelRequest } from '../cancel-request.ts'
import type { CheckedOptions } from '../options.ts'
import { Answer } from './answer.ts'
import { endOfText, MessageReader, ProtocolError, readInt32, type MessageHandler } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import { PreparedStatements, type Prepared } from './prepared-statements.ts'
import { RowShape } from './row-shape.ts'
import { readError, readFields, serverError } from './server-error.ts'

/** How long the server may take for a cancel request, and to say goodbye. */
export const graceMs = 1_000

/** A message of LISTEN. */
export interface WireNotification {
  readonly channel: string
  readonly payload: string
  /** The backend that sent it. */
  readonly processId: number
}

/**
 * One connection to Postgres. pg connects and logs in; from then on the conversation is ours: any number of
 * exchanges are sent before the first is answered, and what is said at one moment leaves in one piece.
 */
export class Wire implements MessageHandler {
  readonly prepared: PreparedStatements
  /** Told of each message of LISTEN. */
  onNotification: ((notification: WireNotification) => void) | undefined
  /** Told once, when it is lost. */
  onLost: (() => void) | undefined
  readonly #client: pg.Client
  readonly #options: CheckedOptions
  readonly #writer = new MessageWriter()
  readonly #answers = new Fifo<Answer>()
  readonly #whenIdle: (() => void)[] = []
  #stream: Socket | undefined
  #key = { processId: 0, secretKey: 0 }
  #status = 'I'
  #fatal: unknown
  #lostBy: { readonly error: unknown } | undefined

  /** @throws {ConnectionsError} CONNECTIONS_REFUSED or CONNECTIONS_TIMEOUT */
  static async connect(pool: string, options: CheckedOptions, signal: AbortSignal): Promise<Wire> {
    const wire = new Wire(pool, options)
    await wire.#connect(signal)
    return wire
  }

  private constructor(pool: string, options: CheckedOptions) {
    const { connectionString, host, port, user, password, database, ssl } = options
    this.#options = options
    this.#client = new pg.Client({
      connectionString,
      host,
      port,
      user,
      password: password as string,
      database,
      ssl,
      fallback_application_name: pool,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
    this.prepared = new PreparedStatements(options.maxPrepared, (prepared) => {
      if (prepared.sent) this.#writer.closeStatement(prepared.name)
    })
    this.#client.connection.on('backendKeyData', (message: { processID: number; secretKey: number }) => {
      this.#key = { processId: message.processID, secretKey: message.secretKey }
    })
    this.#client.on('error', (error) => this.#lose(error))
    this.#client.on('end', () => this.#lose(new Error('the server closed the connection')))
    this.#client.on('notice', (notice) => this.#notice(notice))
  }

  /** Whether the server waits for the next exchange. */
  get idle(): boolean {
    return this.#answers.length === 0
  }

  /** How many exchanges have been sent and not answered. */
  get pending(): number {
    return this.#answers.length
  }

  /** The exchanges that have been sent and not answered, in order. */
  get answers(): Iterable<Answer> {
    return this.#answers
  }

  /** What the server works on. */
  get head(): Answer | undefined {
    return this.#answers.first
  }

  /** Whether a transaction was open after the last answer. */
  get inTransaction(): boolean {
    return this.#status !== 'I'
  }

  /** Why it is of no more use. */
  get lostBy(): { readonly error: unknown } | undefined {
    return this.#lostBy
  }

  get processId(): number {
    return this.#key.processId
  }

  /** What takes the bytes. */
  get stream(): Socket {
    return this.#stream!
  }

  /**
   * Says a statement with its values, to be sent by `flush`. One that is prepared is parsed and described once.
   * `prelude`, a prepared statement without values, runs before it in the same transaction.
   * @throws {TypeError | RangeError} and what the conversion of a value throws; nothing is said then
   */
  run(
    answer: Answer,
    text: string,
    values: readonly unknown[],
    prepared: Prepared | undefined,
    prelude?: Prepared,
  ): void {
    const writer = this.#writer
    if (prelude?.sent === false) {
      this.say(new Answer(unread), () => {
        writer.parse(prelude.name, prelude.text)
        writer.sync()
      })
      prelude.sent = true
    }
    this.say(answer, () => {
      if (prelude !== undefined) {
        writer.bind('', prelude.name, [])
        writer.execute('', 0)
      }
      const name = prepared?.name ?? ''
      if (prepared?.sent !== true) writer.parse(name, text)
      if (prepared?.sent === false) writer.describeStatement(name)
      writer.bind('', name, values)
      if (prepared === undefined) writer.describePortal('')
      writer.execute('', 0)
      writer.sync()
    })
    answer.prepared = prepared
    if (prepared !== undefined) prepared.sent = true
  }

  /** Says a text that may hold several statements, to be sent by `flush`. */
  script(answer: Answer, text: string): void {
    this.say(answer, (writer) => writer.query(text))
  }

  /** Says something else: `write` puts messages up to a Sync. */
  say(answer: Answer, write: (writer: MessageWriter) => void): void {
    const start = this.#writer.length
    try {
      write(this.#writer)
    } catch (error) {
      this.#writer.truncate(start)
      throw error
    }
    this.#answers.push(answer)
  }

  /** Sends a part of a COPY. Tells whether the server takes more at once. */
  copyData(chunk: Buffer): boolean {
    this.#writer.copyData(chunk.length)
    this.flush()
    return this.stream.writable ? this.stream.write(chunk) : true
  }

  copyDone(): void {
    this.#writer.copyDone()
    this.flush()
  }

  copyFail(why: string): void {
    this.#writer.copyFail(why)
    this.flush()
  }

  /** Sends what has been said. Tells whether the socket takes more at once. */
  flush(): boolean {
    if (this.#writer.length === 0) return true
    if (this.#stream?.writable) return this.#stream.write(this.#writer.take())
    this.#writer.truncate(0)
    return true
  }

  /** Asks the server to interrupt what it works on. */
  cancel(): Promise<void> {
    const { host, port } = this.#client
    return sendCancelRequest({ host, port, ...this.#key }, graceMs)
  }

  /** Calls back when everything is answered, or it is lost. */
  whenIdle(then: () => void): void {
    if (this.idle || this.#lostBy !== undefined) then()
    else this.#whenIdle.push(then)
  }

  /** Says goodbye, and hangs up when that is not heard. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.drop(new Error('the connection was closed')), graceMs)
    this.flush()
    await this.#client.end()
    clearTimeout(timer)
  }

  /** Hangs up at once. */
  drop(error: unknown): void {
    this.#lose(error)
    this.#client.connection.stream.destroy()
  }

  onMessage(code: number, buffer: Buffer, start: number, end: number): void {
    if (code === 78) return this.#notice(readFields(buffer, start, end))
    if (code === 65) return this.#notify(buffer, start, end)
    if (code === 83) return
    const answer = this.#answers.first
    if (answer === undefined) {
      if (code !== 69) throw new ProtocolError(`the server sent a message (${code}) that nobody asked for`)
      this.#fatal = readError(buffer, start, end)
      return
    }
    switch (code) {
      case 68: // DataRow
        return answer.row(buffer, start, end)
      case 67: // CommandComplete
        return answer.complete(buffer.toString('latin1', start, endOfText(buffer, start, end)))
      case 90: // ReadyForQuery
        this.#status = String.fromCharCode(buffer[start]!)
        this.#answers.shift()
        if (answer.prepared?.known === false) answer.prepared.sent = false
        answer.end()
        if (this.#answers.length === 0) this.#wake()
        return
      case 50: // BindComplete: a statement described before has its columns
        if (answer.prepared?.shape !== undefined) answer.describe(answer.prepared.shape)
        return
      case 49: // ParseComplete
        if (answer.prepared !== undefined) answer.prepared.known = true
        return
      case 84: // RowDescription
        return this.#describe(answer, RowShape.read(buffer, start, end, this.#options.types))
      case 69: // ErrorResponse
        return this.#fail(answer, buffer, start, end)
      case 115: // PortalSuspended
        answer.suspended = true
        return
      case 71: // CopyInResponse
        return answer.copyIn((why) => this.copyFail(why))
      case 51: // CloseComplete
      case 72: // CopyOutResponse
      case 73: // EmptyQueryResponse
      case 99: // CopyDone
      case 100: // CopyData
      case 110: // NoData
      case 116: // ParameterDescription
        return
      default:
        throw new ProtocolError(`the server sent an unknown message (${code})`)
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { connectTimeoutMs, maxResultBytes } = this.#options
    const timeout = new Error(`not connected after ${connectTimeoutMs} ms`)
    const onAbort = (): void => this.drop(signal.reason)
    const timer = setTimeout(() => this.drop(timeout), connectTimeoutMs)
    signal.addEventListener('abort', onAbort)
    try {
      await this.#client.connect()
      const stream = this.#client.connection.stream as Socket
      const reader = new MessageReader(this, maxResultBytes + 65_536)
      stream.removeAllListeners('data')
      stream.on('data', (chunk: Buffer) => {
        try {
          reader.push(chunk)
        } catch (error) {
          this.drop(error)
        }
      })
      this.#stream = stream
    } catch (error) {
      this.drop(error)
      const cause = this.#lostBy?.error
      const code = cause === timeout ? 'CONNECTIONS_TIMEOUT' : 'CONNECTIONS_REFUSED'
      throw new ConnectionsError(code, messageOf(cause), { cause, sqlState: serverError(cause)?.code })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #describe(answer: Answer, shape: RowShape): void {
    if (answer.prepared !== undefined) answer.prepared.shape = shape
    answer.describe(shape)
  }

  #fail(answer: Answer, buffer: Buffer, start: number, end: number): void {
    const error = readError(buffer, start, end)
    if (error.severity === 'FATAL' || error.severity === 'PANIC') this.#fatal = error
    answer.fail(error)
  }

  #notify(buffer: Buffer, start: number, end: number): void {
    const channelEnd = endOfText(buffer, start + 4, end)
    const payloadEnd = endOfText(buffer, channelEnd + 1, end)
    this.onNotification?.({
      processId: readInt32(buffer, start),
      channel: buffer.toString('utf8', start + 4, channelEnd),
      payload: buffer.toString('utf8', channelEnd + 1, payloadEnd),
    })
  }

  #notice(notice: object): void {
    try {
      this.#options.onNotice?.(notice)
    } catch {
      // Out of here it would end the process, in the middle of a statement.
    }
  }

  #lose(error: unknown): void {
    if (this.#lostBy !== undefined) return
    this.#lostBy = { error: this.#fatal ?? error }
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) {
      answer.fail(this.#lostBy.error)
      answer.end()
    }
    this.#wake()
    this.onLost?.()
  }

  #wake(): void {
    for (const then of this.#whenIdle.splice(0)) then()
  }
}

const unread = { rowMode: 'array', types: undefined, maxBytes: 0 } as const

/** Node.js gives a failure to connect to several addresses an empty message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as { code?: string }).code || error.name
}
