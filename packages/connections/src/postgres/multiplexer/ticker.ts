/** Beats every millisecond while there is something to watch, and some beats longer, since more comes soon as a rule. */
export class Ticker {
  readonly #onTick: (now: number, sweep: boolean) => boolean
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  #idleTicks = 0

  /** @param onTick tells whether there is something to watch; `sweep` is set now and then */
  constructor(onTick: (now: number, sweep: boolean) => boolean) {
    this.#onTick = onTick
  }

  start(): void {
    this.#idleTicks = 0
    this.#timer ??= setInterval(this.#tick, 1)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  readonly #tick = (): void => {
    const sweep = ++this.#ticks % 16 === 0
    if (this.#onTick(performance.now(), sweep)) this.#idleTicks = 0
    else if (++this.#idleTicks > longestIdleTicks) this.stop()
  }
}

const longestIdleTicks = 20
