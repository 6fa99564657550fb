import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkArray, checkString, describe } from '../check.ts'
import { CopyText } from './copy-text.ts'

/** The rows of a COPY: arrays with one value for each column. */
export type CopyRows = Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>

export interface CopyResult {
  /** How many rows the server took. */
  readonly rows: number
}

/** What of pg's protocol connection a COPY uses. */
export interface CopyConnection {
  readonly stream: Writable
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

export interface CopyEvents {
  /** The server is done: for the last time, and with an error if there was one. */
  readonly onDone: (error: unknown, result?: CopyResult) => void
  /** It is the server's turn, or no longer. */
  readonly onServerTurn: (isServers: boolean) => void
}

/**
 * A `COPY … FROM STDIN` as pg's client runs it: it submits the statement, sends the rows in chunks as fast as
 * the server takes them, and ends with CopyDone, or with CopyFail when the rows fail.
 */
export class CopyIn {
  readonly #text: string
  readonly #columns: readonly string[]
  readonly #rows: CopyRows
  readonly #events: CopyEvents
  #connection: CopyConnection | undefined
  #sending = false
  #stopped = false
  readonly #over = new AbortController()
  #failure: { readonly error: unknown } | undefined
  #count = 0

  constructor(table: string, columns: readonly string[], rows: CopyRows, events: CopyEvents) {
    this.#text = `copy ${quote(...table.split('.'))} (${columns.map((name) => quote(name)).join(', ')}) from stdin`
    this.#columns = columns
    this.#rows = rows
    this.#events = events
  }

  /** Ends the sending. Tells whether the server will answer that; if not, it needs to be interrupted. */
  stop(): boolean {
    this.#stopped = true
    if (!this.#sending) return false
    this.#breakOff()
    return true
  }

  submit(connection: CopyConnection): void {
    this.#events.onServerTurn(true)
    connection.query(this.#text)
  }

  handleCopyInResponse(connection: CopyConnection): void {
    this.#connection = connection
    this.#sending = true
    // The lock that it waited for may come free between the limit and the interrupt.
    if (this.#stopped) return this.#breakOff()
    this.#events.onServerTurn(false)
    void this.#send(connection)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#count = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0)
  }

  handleReadyForQuery(): void {
    this.#events.onDone(undefined, { rows: this.#count })
  }

  handleError(error: unknown): void {
    this.#sending = false
    this.#over.abort()
    this.#events.onDone(this.#failure === undefined ? error : this.#failure.error)
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}

  async #send(connection: CopyConnection): Promise<void> {
    try {
      const text = new CopyText(this.#columns)
      // Two loops: awaiting each row of an array would cost more than encoding it.
      if (Symbol.asyncIterator in this.#rows) {
        for await (const row of this.#rows) {
          if (!this.#sending) return
          text.append(row)
          if (text.full) await this.#flush(connection, text)
        }
      } else {
        for (const row of this.#rows) {
          text.append(row)
          if (text.full) await this.#flush(connection, text)
          if (!this.#sending) return
        }
      }
      if (!this.#sending) return
      if (!text.empty) connection.sendCopyFromChunk(text.take())
      this.#sending = false
      connection.endCopyFrom()
      this.#events.onServerTurn(true)
    } catch (error) {
      if (!this.#sending) return
      this.#failure = { error }
      this.#breakOff()
    }
  }

  /** Waits until the server has taken the chunk, and lets others have the event loop between chunks. */
  async #flush(connection: CopyConnection, text: CopyText): Promise<void> {
    connection.sendCopyFromChunk(text.take())
    if (connection.stream.writableNeedDrain) {
      this.#events.onServerTurn(true)
      try {
        await once(connection.stream, 'drain', { signal: this.#over.signal })
      } catch {
        // It is over; whoever goes on looks at `#sending` first.
      }
      if (this.#sending) this.#events.onServerTurn(false)
    }
    await nextTurn()
  }

  #breakOff(): void {
    this.#sending = false
    this.#over.abort()
    this.#connection?.sendCopyFail('given up by the client')
    this.#events.onServerTurn(true)
  }
}

/** @throws {TypeError} */
export function checkCopy(table: string, columns: readonly string[], rows: CopyRows): void {
  checkString('table', table)
  checkArray('columns', columns)
  for (const column of columns) checkString('columns', column)
  if (
    typeof rows !== 'object' ||
    rows === null ||
    !(Symbol.iterator in rows || Symbol.asyncIterator in rows)
  ) {
    throw new TypeError(`rows must be an iterable or async iterable of arrays, got ${describe(rows)}`)
  }
}

function quote(...names: readonly string[]): string {
  return names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.')
}
