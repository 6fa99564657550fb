import type { Closing } from './closing.ts'
import type { ShutdownPhase } from './options.ts'

/**
 * A resource that is still being opened, so that a signal in the midst of a start leaves nothing behind: what
 * comes of it is closed. When the opening fails there is nothing to close, and its caller hears why.
 */
export class Opening implements Closing {
  readonly #settled: Promise<void>
  #opened: Closing | undefined
  #state: 'open' | 'announced' | 'released' = 'open'

  constructor(opening: Promise<unknown>, closingOfOpened: (resource: unknown) => Closing) {
    this.#settled = this.#follow(opening, closingOfOpened)
    // That the resource has no verb is told by its step of the shutdown; before, nobody is there to hear.
    this.#settled.catch(() => {})
  }

  get phase(): ShutdownPhase {
    return this.#opened?.phase ?? 'resources'
  }

  announce(): void {
    this.#state = 'announced'
    this.#opened?.announce?.()
  }

  async close(deadlineMs: number): Promise<unknown> {
    await this.#settled
    return this.#opened?.close(deadlineMs)
  }

  release(): void {
    this.#state = 'released'
    this.#opened?.release?.()
  }

  async #follow(opening: Promise<unknown>, closingOfOpened: (resource: unknown) => Closing): Promise<void> {
    let resource: unknown
    try {
      resource = await opening
    } catch {
      return
    }
    if (this.#state === 'released') return
    this.#opened = closingOfOpened(resource)
    if (this.#state === 'announced') this.#opened.announce?.()
  }
}
