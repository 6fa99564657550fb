/** A moment at which waiting ends. It can be brought forward, never put off. It keeps the process alive. */
export class Deadline {
  /** Resolves at that moment, or never once stopped. */
  readonly passed: Promise<undefined>
  readonly #pass: () => void
  #at = Infinity
  #timer: NodeJS.Timeout | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.passed = promise
    this.#pass = () => {
      this.#at = -Infinity
      resolve(undefined)
    }
  }

  /** At most this many milliseconds from now. */
  within(ms: number): void {
    const at = performance.now() + ms
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(this.#pass, ms)
  }

  /** The clock decides, so that work which leaves no turn to a timer ends too. */
  get leftMs(): number {
    return Math.max(0, this.#at - performance.now())
  }

  /** For good: nothing sets it again. */
  stop(): void {
    this.#at = -Infinity
    clearTimeout(this.#timer)
  }
}
