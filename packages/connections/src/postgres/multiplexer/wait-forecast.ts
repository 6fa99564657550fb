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
  /** The usual length of a hold: it varies far less than the queue does. */
  #usualMs = 0
  #updatedAt = 0

  /** @param lines how many lines slow statements have */
  constructor(lines: number) {
    this.#lines = lines
  }

  /** How long a fast statement is held back after its arrival. */
  get holdMs(): number {
    const usualMs = this.#usualMs
    return Math.min(Math.max(this.#wantedMs, usualMs * leastOfUsual), usualMs * mostOfUsual)
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
    else if (this.#waitMs === 0 && this.#usualMs === 0) return
    const sinceMs = now - this.#updatedAt
    this.#waitMs += (workMs / this.#lines - this.#waitMs) * (1 - Math.exp(-sinceMs / smoothingMs))
    const wantedMs = this.#wantedMs
    const usualForMs = wantedMs > this.#usualMs ? risesForMs : fallsForMs
    this.#usualMs += (wantedMs - this.#usualMs) * (1 - Math.exp(-sinceMs / usualForMs))
    if (this.#waitMs < 0.01) this.#waitMs = 0
    if (this.#usualMs < 0.01) this.#usualMs = 0
    this.#updatedAt = now
  }

  get #wantedMs(): number {
    return Math.max(0, Math.min(this.#waitMs - this.#meanMs / 4, 3 * this.#meanMs, longestHoldMs))
  }
}

const longestHoldMs = 50
const smoothingMs = 5
/** It is followed upwards at once, so that no queue builds up before, and downwards slowly. */
const risesForMs = 20
const fallsForMs = 100
/** How far one hold may differ from the usual one. */
const leastOfUsual = 0.35
const mostOfUsual = 1.05
