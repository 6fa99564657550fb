import { leakChannel, type LeakMessage } from '../telemetry.ts'
import type { LeakNotice } from './report.ts'

/** The latest leaks, and how many there were. */
export class LeakLog {
  readonly #latest: LeakNotice[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  get latest(): readonly LeakNotice[] {
    return Object.freeze([...this.#latest])
  }

  note(notice: LeakNotice): void {
    this.#count++
    if (this.#latest.push(Object.freeze(notice)) > most) this.#latest.shift()
    const { name, site } = notice
    if (leakChannel.hasSubscribers) leakChannel.publish({ name, site } satisfies LeakMessage)
  }
}

const most = 1000
