import type { Socket } from 'node:net'
import type { CheckedOptions } from '../options.ts'
import { Answer } from './answer.ts'
import { GuardAnswer, guardText, writable } from './guard-answer.ts'
import { graceMs, Login } from './login.ts'
import { MessageReader, protocolError } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import { parametersOf } from './parameters.ts'
import { PreparedStatements, type Prepared } from './prepared-statements.ts'
import { harmless, Replies, type WireNotification } from './replies.ts'

export { graceMs, messageOf } from './login.ts'
export type { WireNotification } from './replies.ts'

/**
 * One connection to Postgres. pg connects and logs in; from then on the conversation is ours: any number of
 * exchanges are sent before the first is answered, and what is said at one moment leaves in one piece.
 */
export class Wire {
  readonly prepared: PreparedStatements
  /** Lets a statement write although the connection is to be `readOnly`: a prelude for `run`. */
  #writable = writable(0)
  #renewals = 0
  /** When something came from the server last, by `performance.now()`. */
  heardAt = 0
  /** Whether statements are only to read, which the server sees to from the next one on. */
  readOnly = false
  #isReadOnly = false
  /** Told of each message of LISTEN. */
  onNotification: ((notification: WireNotification) => void) | undefined
  /** Told once, when it is lost. */
  onLost: (() => void) | undefined
  readonly #options: CheckedOptions
  readonly #login: Login
  readonly #replies: Replies
  readonly #writer = new MessageWriter()
  /** How many exchanges have been said and not sent. */
  #unsent = 0
  #stream: Socket | undefined

  /** @throws {ConnectionsError} CONNECTIONS_REFUSED or CONNECTIONS_TIMEOUT */
  static async connect(pool: string, options: CheckedOptions, signal: AbortSignal): Promise<Wire> {
    const wire = new Wire(pool, options)
    await wire.#connect(signal)
    return wire
  }

  private constructor(pool: string, options: CheckedOptions) {
    this.#options = options
    const onNotice = harmless(options.onNotice)
    this.#login = new Login(pool, options, { onNotice, onLost: (error) => this.#lose(error) })
    this.#replies = new Replies({
      types: options.types,
      onNotice,
      onNotification: (notification) => this.onNotification?.(notification),
      refuseCopy: (answer, why) => this.#refuseCopy(answer, why),
    })
    this.prepared = new PreparedStatements(options.maxPrepared, {
      onForget: (prepared) => {
        if (prepared.sent) this.#writer.closeStatement(prepared.name)
        prepared.sent = false
      },
      onClear: () => {
        this.#writable.sent = false
        this.#isReadOnly = false
      },
    })
  }

  /** Whether the server waits for the next exchange. */
  get idle(): boolean {
    return this.pending === 0
  }

  /** How many exchanges have been said and not answered. */
  get pending(): number {
    return this.#replies.pending
  }

  /** Whether a transaction was open after the last answer. */
  get inTransaction(): boolean {
    return this.#replies.inTransaction
  }

  /** Why it is of no more use. */
  get lostBy(): { readonly error: unknown } | undefined {
    return this.#replies.lostBy
  }

  get processId(): number {
    return this.#login.processId
  }

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
    const parameters = parametersOf(values)
    if (prelude?.sent === false) this.#prepare(prelude)
    this.say(answer, (writer) => {
      const name = prepared?.name ?? ''
      if (prelude !== undefined) {
        writer.bind('', prelude.name, [])
        writer.execute('', 0)
      }
      if (prepared?.sent !== true) writer.parse(name, text)
      if (prepared?.described === false) writer.describeStatement(name)
      writer.bind('', name, parameters)
      if (prepared === undefined) writer.describePortal('')
      writer.execute('', 0)
      writer.sync()
    })
    answer.prepared = prepared
    answer.hasPrelude = prelude !== undefined
    if (prepared?.sent === false) {
      answer.parsing = prepared
      prepared.sent = true
    }
  }

  /** Lets a statement write although the connection is `readOnly`: a prelude for `run`. */
  get writable(): Prepared {
    return this.#writable
  }

  /** Has that prepared anew, under a name that the server cannot know. */
  renewWritable(): void {
    this.#writable = writable(++this.#renewals)
  }

  /** Says a text that may hold several statements, to be sent by `flush`. */
  script(answer: Answer, text: string): void {
    answer.isScript = true
    this.say(answer, (writer) => writer.query(text))
  }

  /**
   * Says something else: `write` puts messages up to a Sync.
   * @throws what it was lost by, if it is lost; what `write` throws. Nothing is said then
   */
  say(answer: Answer, write: (writer: MessageWriter) => void): void {
    if (this.lostBy !== undefined) throw this.lostBy.error
    if (this.readOnly !== this.#isReadOnly) this.#guard()
    const start = this.#writer.length
    try {
      write(this.#writer)
    } catch (error) {
      this.#writer.truncate(start)
      throw error
    }
    this.#replies.expect(answer)
    this.#unsent++
  }

  /** Sends a part of a COPY, a whole message. Calls back when the kernel has it, or it is lost. */
  copyData(message: Buffer, onTaken: () => void): void {
    this.flush()
    if (this.stream.writable) this.stream.write(message, onTaken)
    else onTaken()
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
    this.#unsent = 0
    if (this.#stream?.writable) return this.#stream.write(this.#writer.take())
    this.#writer.truncate(0)
    return true
  }

  /** Asks the server to interrupt what it works on. */
  cancel(): Promise<void> {
    return this.#login.cancel()
  }

  /** Calls back when everything is answered, or it is lost. */
  whenIdle(then: () => void): void {
    this.#replies.whenIdle(then)
  }

  /** Says goodbye, and hangs up when that is not heard. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.drop(new Error('the connection was closed')), graceMs)
    this.flush()
    await this.#login.end()
    clearTimeout(timer)
  }

  /** Hangs up at once. */
  drop(error: unknown): void {
    this.#lose(error)
    this.#login.destroy()
  }

  async #connect(signal: AbortSignal): Promise<void> {
    this.#stream = await this.#login.connect(this.#options.connectTimeoutMs, signal)
    const reader = new MessageReader(this.#replies, this.#options.maxResultBytes + 65_536)
    this.#stream.on('data', (chunk: Buffer) => {
      this.heardAt = performance.now()
      try {
        reader.push(chunk)
      } catch (error) {
        this.drop(error)
      }
    })
  }

  /** Has the server refuse writes, or no longer. */
  #guard(): void {
    this.#isReadOnly = this.readOnly
    this.script(new GuardAnswer((error) => this.drop(error)), guardText(this.readOnly))
  }

  #prepare(prepared: Prepared): void {
    const answer = new Answer()
    this.say(answer, (writer) => {
      writer.parse(prepared.name, prepared.text)
      writer.sync()
    })
    answer.parsing = prepared
    prepared.sent = true
  }

  /**
   * A COPY swallows the Sync of its exchange and the message behind (PostgreSQL documentation, "COPY Operations").
   * The refusal goes ahead of what is not sent, with a new Sync; behind what is, nobody knows what answers what.
   */
  #refuseCopy(answer: Answer, why: string): void {
    answer.fail(new TypeError(why))
    if (this.pending - this.#unsent > 1) {
      throw protocolError(`a COPY took the statements behind it for its data: ${why}`)
    }
    const refusal = new MessageWriter()
    refusal.copyFail(why)
    if (!answer.isScript) refusal.sync()
    if (this.stream.writable) this.stream.write(refusal.take())
  }

  #lose(error: unknown): void {
    if (this.#replies.lose(error)) this.onLost?.()
  }
}
