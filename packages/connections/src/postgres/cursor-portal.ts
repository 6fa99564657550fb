import type { PostgresClient } from './client.ts'
import { ExchangeAnswer, type Limits, type Operation } from './exchanges.ts'
import type { CursorOptions } from './cursor.ts'
import { leavesState } from './session-state.ts'
import type { MessageWriter } from './wire/message-writer.ts'
import { parametersOf, type Parameter } from './wire/parameters.ts'
import type { RowShape } from './wire/row-shape.ts'
import { graceMs } from './wire/wire.ts'

/**
 * A statement that gives its rows by and by (PostgreSQL documentation, "Frontend/Backend Protocol", Extended
 * Query: a portal executed with a row limit). Portals live as long as their transaction: where none is open, it
 * has one of its own, in which nothing else may run.
 */
export class CursorPortal<R> {
  /** Whether all rows have been given. */
  exhausted = false
  readonly #client: PostgresClient
  readonly #text: string
  readonly #values: readonly unknown[]
  readonly #options: CursorOptions
  readonly #name: string
  #state: 'new' | 'open' | 'ended' = 'new'
  #ownTransaction = false
  #shape: RowShape | undefined
  #failure: { readonly error: unknown } | undefined
  #listened = false
  #rows = 0
  #ms = 0

  constructor(
    client: PostgresClient,
    text: string,
    values: readonly unknown[],
    options: CursorOptions & { readonly name: string },
  ) {
    this.#client = client
    this.#text = text
    this.#values = values
    this.#options = options
    this.#name = options.name
  }

  /** The next rows, at most so many; none or fewer when there are no more. */
  async fetch(maxRows: number): Promise<R[]> {
    const { exchanges, log, settings } = this.#client
    if (this.#state === 'new') this.#listened = log.listened
    const startedAt = performance.now()
    try {
      if (exchanges.settling !== undefined) await exchanges.settling
      const { signal, timeoutMs = settings.statementTimeoutMs } = this.#options
      const limits = { signal, timeoutMs }
      await this.#client.begin(limits)
      const rows = await exchanges.run<R[]>(this.#text, limits, (operation) => this.#ask(operation, maxRows))
      this.#rows += rows.length
      return rows
    } catch (error) {
      this.#failure ??= { error }
      throw error
    } finally {
      this.#ms += performance.now() - startedAt
    }
  }

  /** Ends it, with rows left or not. What the statement did is kept. */
  async finish(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    const { signal, timeoutMs = this.#client.settings.statementTimeoutMs } = this.#options
    const startedAt = performance.now()
    try {
      if (this.#ownTransaction) {
        await this.#say('commit', { signal, timeoutMs }, (writer) => writer.query('commit'))
      } else await this.#close({ signal, timeoutMs })
      this.#ms += performance.now() - startedAt
      this.#leave()
    } catch (error) {
      this.#failure ??= { error }
      this.#state = 'open'
      throw error
    }
  }

  /** Ends it after a failure or an abort: its own transaction is rolled back. Never rejects. */
  async abandon(): Promise<void> {
    if (this.#state === 'ended') return
    const wasOpen = this.#state === 'open'
    this.#state = 'ended'
    try {
      if (this.#ownTransaction) await this.#client.rollback()
      else if (wasOpen) await this.#close({ signal: undefined, timeoutMs: graceMs })
    } catch {
      // The caller knows of the failure already, and the connection is not lent on in that state.
    }
    this.#leave()
  }

  #ask({ done, giveUp }: Operation<R[]>, maxRows: number): () => boolean {
    const { wire, settings } = this.#client
    const { rowMode = 'object', types } = this.#options
    const format = { rowMode, types, maxBytes: settings.maxResultBytes }
    const answer = new BatchAnswer(format, giveUp, () => {
      this.#shape = answer.shape
      this.exhausted = !answer.suspended
      if (answer.failure === undefined) done(undefined, answer.result<R>().rows)
      else done(answer.failure)
    })
    if (this.#state === 'new') {
      const ownTransaction = !wire.inTransaction
      const parameters = parametersOf(this.#values)
      wire.say(answer, (writer) => this.#open(writer, parameters, ownTransaction, maxRows))
      this.#state = 'open'
      this.#ownTransaction = ownTransaction
      if (ownTransaction) this.#client.cursor = this
      if (leavesState('SELECT ', this.#text)) this.#client.hasState = true
    } else {
      answer.describe(this.#shape)
      wire.say(answer, (writer) => {
        writer.execute(this.#name, maxRows)
        writer.sync()
      })
    }
    wire.flush()
    return () => {
      answer.unwanted = true
      return false
    }
  }

  #open(
    writer: MessageWriter,
    parameters: readonly Parameter[],
    ownTransaction: boolean,
    maxRows: number,
  ): void {
    if (ownTransaction) {
      writer.parse('', 'begin')
      writer.bind('', '', [])
      writer.execute('', 0)
    }
    writer.parse('', this.#text)
    writer.bind(this.#name, '', parameters)
    writer.describePortal(this.#name)
    writer.execute(this.#name, maxRows)
    writer.sync()
  }

  #close(limits: Limits): Promise<void> {
    return this.#say(`close ${this.#text}`, limits, (writer) => {
      writer.closePortal(this.#name)
      writer.sync()
    })
  }

  /** An exchange whose answer is only whether it failed. */
  #say(what: string, limits: Limits, write: (writer: MessageWriter) => void): Promise<void> {
    const { wire, exchanges } = this.#client
    return exchanges.run<void>(what, limits, ({ done, giveUp }) => {
      const format = { rowMode: 'array', types: undefined, maxBytes: 0 } as const
      const answer = new ExchangeAnswer(format, giveUp, () => done(answer.failure))
      wire.say(answer, write)
      wire.flush()
      return () => false
    })
  }

  /** Frees the connection for others, and tells what the server took for all of it. */
  #leave(): void {
    const { log } = this.#client
    if (this.#client.cursor === this) this.#client.cursor = undefined
    const startedAt = this.#listened ? performance.now() - this.#ms : undefined
    if (this.#failure === undefined) log.done('exclusive', this.#text, startedAt, this.#rows)
    else log.failed('exclusive', this.#text, startedAt, this.#failure.error, this.#rows)
  }
}

/** A batch, which remembers the columns for the next. */
class BatchAnswer extends ExchangeAnswer {
  shape: RowShape | undefined

  override describe(shape: RowShape | undefined): void {
    this.shape = shape
    super.describe(shape)
  }
}
