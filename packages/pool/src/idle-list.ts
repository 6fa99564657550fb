/** What the idle list knows of an entry: which sweep it was last used before. */
export interface Sweepable {
  sweep: number
}

/**
 * The objects nobody has. Age is counted in sweeps, not read from a clock, so that returning an object costs
 * nothing more than a push.
 */
export class IdleList<E extends Sweepable> {
  readonly #entries: E[] = []
  readonly #newestFirst: boolean
  readonly #timeoutMs: number | undefined
  readonly #onSweep: () => void
  #sweep = 0
  #timer: NodeJS.Timeout | undefined

  constructor(order: 'lifo' | 'fifo', timeoutMs: number | undefined, onSweep: () => void) {
    this.#newestFirst = order === 'lifo'
    this.#timeoutMs = timeoutMs
    this.#onSweep = onSweep
  }

  get size(): number {
    return this.#entries.length
  }

  push(entry: E): void {
    entry.sweep = this.#sweep
    this.#entries.push(entry)
    if (this.#timeoutMs !== undefined && this.#timer === undefined) this.#startSweeping(this.#timeoutMs)
  }

  take(): E | undefined {
    return this.#newestFirst ? this.#entries.pop() : this.#entries.shift()
  }

  /** The entry returned longest ago. */
  takeOldest(): E | undefined {
    return this.#entries.shift()
  }

  /** The entry returned longest ago, if it has been idle for at least the timeout: two whole sweeps. */
  takeExpired(): E | undefined {
    const oldest = this.#entries[0]
    return oldest !== undefined && oldest.sweep < this.#sweep - 2 ? this.#entries.shift() : undefined
  }

  stopSweeping(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #startSweeping(timeoutMs: number): void {
    const sweep = (): void => {
      this.#sweep++
      this.#onSweep()
      if (this.#entries.length === 0) this.stopSweeping()
    }
    this.#timer = setInterval(sweep, timeoutMs / 2).unref()
  }
}
