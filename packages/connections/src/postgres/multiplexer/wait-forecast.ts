import type { Profile } from './profile.ts'

/**
 * How long slow statements that arrive now will wait for a line; and how long, therefore, the fast ones are held
 * back so that both wait alike, as they would in one queue. Without that, callers of fast statements come back
 * at once, and in the end nearly all callers wait for slow ones.
 */
export class WaitForecast {
  readonly #lines: number
  #waitMs = 0
  #meanMs = 0
  #updatedAt = 0

  /** @param lines how many lines slow statements have */
  constructor(lines: number) {
    this.#lines = lines
  }

  /** How long a fast statement is held back after its arrival. */
  get holdMs(): number {
    return Math.min(this.#waitMs - this.#meanMs / 4, 3 * this.#meanMs, longestHoldMs)
  }

  update(now: number, waiting: readonly Profile[]): void {
    let workMs = 0
    let queued = 0
    for (const profile of waiting) {
      // Those that are held up by something else would tell nothing of the others' wait.
      if (!profile.cost.knownSlow || !profile.needsOwnLine || profile.overdue(now)) continue
      workMs += profile.queued * profile.cost.meanMs
      queued += profile.queued
    }
    if (queued > 0) this.#meanMs = workMs / queued
    else if (this.#waitMs === 0) return
    const weight = 1 - Math.exp((this.#updatedAt - now) / smoothingMs)
    this.#waitMs += (workMs / this.#lines - this.#waitMs) * weight
    if (this.#waitMs < 0.01) this.#waitMs = 0
    this.#updatedAt = now
  }
}

const longestHoldMs = 50
const smoothingMs = 5
