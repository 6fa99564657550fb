import type { PostgresClient } from '../client.ts'
import { Line, type LineListener } from './line.ts'

/** Where lines come from: the pool, whose connections are lent to others too. */
export interface ClientSource {
  /** Lends one, for as long as it is needed. Rejects when none could be had. */
  borrow(signal: AbortSignal): Promise<PostgresClient>
  giveBack(client: PostgresClient): void
}

export interface SupplyHandlers extends LineListener {
  onLine(): void
  /** No connection could be had. */
  onFailure(error: unknown): void
}

/** How many lines there are, how many of them have nothing to do, and how many have been asked for. */
export interface LineCounts {
  readonly open: number
  readonly idle: number
  readonly coming: number
}

/** Gets lines one after the other, as many again as there are at most, and gives back what is not needed. */
export class LineSupply {
  readonly #source: ClientSource
  readonly #lines: Line[]
  readonly #maxLines: number
  readonly #guarded: boolean
  readonly #handlers: SupplyHandlers
  readonly #over = new AbortController()
  #coming = 0
  #askedAt = 0

  /** @param lines where it keeps them, in the order in which they came */
  constructor(
    source: ClientSource,
    lines: Line[],
    maxLines: number,
    guarded: boolean,
    handlers: SupplyHandlers,
  ) {
    this.#source = source
    this.#lines = lines
    this.#maxLines = maxLines
    this.#guarded = guarded
    this.#handlers = handlers
  }

  get counts(): LineCounts {
    const idle = this.#lines.filter(({ inFlight }) => inFlight === 0).length
    return { open: this.#lines.length, idle, coming: this.#coming }
  }

  /** Asks for one more, unless enough are coming: fast ones, since another may pass one that is stuck. */
  grow(now: number): void {
    if (this.#lines.length + this.#coming >= this.#maxLines) return
    if (this.#coming > this.#lines.length / 2 && now - this.#askedAt < patienceMs) return
    this.#askedAt = now
    this.#coming++
    this.#source.borrow(this.#over.signal).then(
      (client) => this.#add(client),
      (error: unknown) => {
        this.#coming--
        if (!this.#over.signal.aborted) this.#handlers.onFailure(error)
      },
    )
  }

  /** Takes a line out when it has nothing under way, and returns its connection. */
  giveBack(line: Line): void {
    const at = this.#lines.indexOf(line)
    if (at < 0) return
    this.#lines.splice(at, 1)
    line.client.wire.onLost = undefined
    const isBroken = line.leaving === 'broken' || line.interrupted !== undefined
    if (isBroken) line.client.wire.drop(new Error('a statement on it was interrupted'))
    this.#source.giveBack(line.client)
  }

  /**
   * Gives one more back, as soon as it is empty, unless as many are on their way as are wanted. While it is used, the
   * last one stays.
   */
  yieldLine(wanted: number, used: boolean): void {
    const staying = this.#lines.filter(({ leaving }) => leaving === undefined)
    if (this.#lines.length - staying.length >= wanted) return
    if (staying.length === 1 && this.#maxLines > 1 && used) return
    const [emptiest] = staying.toSorted((a, b) => a.inFlight - b.inFlight || a.workMs - b.workMs)
    if (emptiest === undefined) return
    emptiest.leave('whole')
    if (emptiest.inFlight === 0) this.giveBack(emptiest)
  }

  /** Gives back those that nobody has needed for a while. */
  giveBackIdle(now: number): void {
    const idle = this.#lines.filter((line) => line.inFlight === 0 && now - line.lastAnswerAt > idleLineMs)
    for (const line of idle) this.giveBack(line)
  }

  /** Asks for no more. */
  close(): void {
    this.#over.abort(new Error('the pool is closed'))
  }

  #add(client: PostgresClient): void {
    this.#coming--
    if (this.#over.signal.aborted) return this.#source.giveBack(client)
    const { wire } = client
    wire.readOnly = this.#guarded
    const line = new Line(client, this.#guarded, this.#handlers)
    this.#lines.push(line)
    // By then everything under way on it has been told.
    wire.onLost = () => this.giveBack(line)
    if (wire.lostBy === undefined) this.#handlers.onLine()
    else this.giveBack(line)
  }
}

/** After how long one that was asked for no longer counts as coming soon. */
const patienceMs = 250
/** How long a line is kept that nobody uses. */
const idleLineMs = 20
