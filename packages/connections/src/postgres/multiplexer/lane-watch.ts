import type { Binder } from './binder.ts'

/** Looks now and then at how busy this process is, for the number of lines that shared statements use. */
export class LaneWatch {
  readonly #binder: Binder
  #lookedAt = 0
  #utilization = performance.eventLoopUtilization()

  constructor(binder: Binder) {
    this.#binder = binder
  }

  look(now: number): void {
    if (now - this.#lookedAt < everyMs) return
    this.#lookedAt = now
    const utilization = performance.eventLoopUtilization()
    this.#binder.adapt(performance.eventLoopUtilization(utilization, this.#utilization).utilization)
    this.#utilization = utilization
  }
}

const everyMs = 50
