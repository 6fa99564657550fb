import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkArray, checkString, describe } from '../check.ts'
import { CopyText } from './copy-text.ts'
import { Answer } from './wire/answer.ts'
import type { Wire } from './wire/wire.ts'

/** The rows of a COPY: arrays with one value for each column. */
export type CopyRows = Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>

export interface CopyResult {
  /** How many rows the server took. */
  readonly rows: number
}

export interface CopyEvents {
  /** The server is done: for the last time, and with an error if there was one. */
  readonly onDone: (failure: { readonly error: unknown } | undefined, result?: CopyResult) => void
  /** It is the server's turn, or no longer. */
  readonly onServerTurn: (isServers: boolean) => void
}

/** One is on its way while the next is written. */
const maxUnderWay = 2

/**
 * A `COPY … FROM STDIN`: the answer to `text`, during which it sends the rows in chunks as fast as the server
 * takes them, and ends with CopyDone, or with CopyFail when the rows fail.
 */
export class CopyIn extends Answer {
  readonly text: string
  readonly #wire: Wire
  readonly #rows: CopyRows
  readonly #events: CopyEvents
  #sending = false
  #stopped = false
  readonly #chunks: CopyText
  /** Chunks that the kernel has not taken yet. */
  #underWay = 0
  #onTaken: (() => void) | undefined
  #rowsFailure: { readonly error: unknown } | undefined

  constructor(wire: Wire, table: string, columns: readonly string[], rows: CopyRows, events: CopyEvents) {
    super({ rowMode: 'array', types: undefined, maxBytes: 0 })
    this.#wire = wire
    this.text = `copy ${quote(...table.split('.'))} (${columns.map((name) => quote(name)).join(', ')}) from stdin`
    this.#chunks = new CopyText(columns)
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

  override copyIn(): void {
    this.#sending = true
    // The lock that it waited for may come free between the limit and the interrupt.
    if (this.#stopped) return this.#breakOff()
    this.#events.onServerTurn(false)
    void this.#send()
  }

  override fail(error: unknown): void {
    super.fail(this.#rowsFailure === undefined ? error : this.#rowsFailure.error)
    this.#stopSending()
  }

  override end(): void {
    if (this.failure !== undefined) this.#events.onDone(this.failure)
    else this.#events.onDone(undefined, { rows: Number(/^COPY (\d+)/.exec(this.tag ?? '')?.[1] ?? 0) })
  }

  async #send(): Promise<void> {
    try {
      const chunks = this.#chunks
      // Two loops: awaiting each row of an array would cost more than encoding it.
      if (Symbol.asyncIterator in this.#rows) {
        for await (const row of this.#rows) {
          if (!this.#sending) return
          chunks.append(row)
          if (chunks.full) await this.#flush()
        }
      } else {
        for (const row of this.#rows) {
          chunks.append(row)
          if (chunks.full) await this.#flush()
          if (!this.#sending) return
        }
      }
      if (!this.#sending) return
      if (!chunks.empty) this.#sendChunk()
      this.#sending = false
      this.#wire.copyDone()
      this.#events.onServerTurn(true)
    } catch (error) {
      if (!this.#sending) return
      this.#rowsFailure = { error }
      this.#breakOff()
    }
  }

  /** Sends a chunk, lets others have the event loop, and waits while the server takes nothing. */
  async #flush(): Promise<void> {
    this.#sendChunk()
    await nextTurn()
    if (this.#underWay < maxUnderWay || !this.#sending) return
    this.#events.onServerTurn(true)
    await new Promise<void>((resolve) => (this.#onTaken = resolve))
    this.#onTaken = undefined
    if (this.#sending) this.#events.onServerTurn(false)
  }

  #sendChunk(): void {
    const chunk = this.#chunks.take()
    this.#underWay++
    this.#wire.copyData(chunk, () => {
      this.#underWay--
      this.#chunks.giveBack(chunk)
      this.#onTaken?.()
    })
  }

  #stopSending(): void {
    this.#sending = false
    this.#onTaken?.()
  }

  #breakOff(): void {
    this.#stopSending()
    this.#wire.copyFail('given up by the client')
    this.#events.onServerTurn(true)
  }
}

/** @throws {TypeError} */
export function checkCopy(table: string, columns: readonly string[], rows: CopyRows): void {
  checkString('table', table)
  checkArray('columns', columns)
  if (columns.length === 0) throw new TypeError('columns must name at least one, got none')
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
