import type { Closing } from './closing.ts'
import type { ShutdownPhase } from './options.ts'

/**
 * A resource that is still being opened, so that a signal in the midst of a start leaves nothing behind: what
 * comes of it is closed. When the opening fails there is nothing to close.
 */
export class Opening implements Closing {
  /** Rejects when the opening does, and when there is no way to close what came of it. */
  readonly settled: Promise<void>
  readonly #opening: Promise<unknown>
  #opened: Closing | undefined
  #state: 'open' | 'announced' | 'released' = 'open'

  constructor(opening: Promise<unknown>, closingOfOpened: (resource: unknown) => Closing) {
    this.#opening = opening
    this.settled = this.#follow(closingOfOpened)
  }

  get phase(): ShutdownPhase {
    return this.#opened?.phase ?? 'resources'
  }

  announce(): void {
    this.#state = 'announced'
    this.#opened?.announce?.()
  }

  async close(deadlineMs: number): Promise<unknown> {
    const [{ status }] = await Promise.allSettled([this.#opening])
    if (status === 'rejected') return undefined
    await this.settled
    return this.#opened?.close(deadlineMs)
  }

  release(): void {
    this.#state = 'released'
    this.#opened?.release?.()
  }

  async #follow(closingOfOpened: (resource: unknown) => Closing): Promise<void> {
    const resource = await this.#opening
    if (this.#state === 'released') return
    this.#opened = closingOfOpened(resource)
    if (this.#state === 'announced') this.#opened.announce?.()
  }
}
