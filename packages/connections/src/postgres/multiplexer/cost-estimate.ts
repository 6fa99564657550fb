/** From when on a statement counts as slow, in milliseconds: well above what a scheduler's hiccup costs. */
export const slowMs = 5

/**
 * What one statement text costs the server, learned from how long it stood at the head of its line: never from
 * how long it waited behind others, which would blame it for them.
 */
export class CostEstimate {
  /** The lower quartile, in milliseconds. A mean would rise with the load and spread it further. */
  #baseMs = 0
  #slowShare = 0
  #meanMs = 0
  #completedMeanMs = 0
  #runs = 0
  #completed = 0
  #depth: number = mostDepth

  get runs(): number {
    return this.#runs
  }

  /** The mean of what was measured, with what is still running. */
  get meanMs(): number {
    return this.#meanMs
  }

  /** The mean of what has been completed. */
  get completedMeanMs(): number {
    return this.#completedMeanMs
  }

  /** Whether it is known to be slow by itself, not only held up by a lock or by another's work. */
  get knownSlow(): boolean {
    return this.#completedMeanMs >= 1 && (this.#slowShare >= 0.02 || this.#baseMs >= 0.5)
  }

  /** Whether it is fast as a rule, and slow now and then. */
  get isMixed(): boolean {
    return this.#slowShare > 0.002
  }

  /** How long one may stand at the head of its line before that is suspicious, in milliseconds. */
  get patienceMs(): number {
    return this.isMixed ? slowMs / 2 : slowMs
  }

  /** Whether too little is known, or too much, to put anything behind it. */
  get needsOwnLine(): boolean {
    return this.#runs < 3 || this.#meanMs > 2
  }

  /**
   * How many of it may be under way on one connection: no more than a millisecond of work, and so few that one
   * slow among them is improbable.
   */
  get depth(): number {
    return this.#depth
  }

  /** One was completed after so many milliseconds at the head of its line. */
  completed(ms: number): void {
    const slow = ms > slowMs ? 1 : 0
    const runs = ++this.#runs
    this.#slowShare += (slow - this.#slowShare) * Math.max(1 / 512, 1 / (runs + 8))
    this.#meanMs += (ms - this.#meanMs) * Math.max(1 / 64, 1 / runs)
    this.#completedMeanMs += (ms - this.#completedMeanMs) * Math.max(1 / 64, 1 / ++this.#completed)
    if (runs <= 16) this.#baseMs = runs === 1 ? ms : Math.min(this.#baseMs, ms)
    else this.#baseMs *= ms < this.#baseMs ? 1 - 0.75 * quantileStep : 1 + 0.25 * quantileStep
    if (this.#baseMs < leastBaseMs) this.#baseMs = leastBaseMs
    this.#depth = depthOf(this.#baseMs, this.#slowShare)
  }

  /** One has been at the head of its line for so long, and is still running. */
  running(ms: number): void {
    if (ms > this.#meanMs) this.#meanMs += (ms - this.#meanMs) / 64
  }
}

const workBudgetMs = 1
const mostDepth = 48
/** The chance that one of those in front is slow. */
const riskOfSlow = 0.02
const quantileStep = 0.04
/** Answers that come together leave no time between them. */
const leastBaseMs = 0.005

function depthOf(baseMs: number, slowShare: number): number {
  const byWork = workBudgetMs / (baseMs + slowShare * slowMs)
  const enough = slowShare < 0.02 && baseMs < 1 ? Math.max(4, byWork) : byWork
  const byRisk = slowShare > 0.001 ? 1 + riskOfSlow / slowShare : Infinity
  return Math.max(1, Math.min(mostDepth, enough, byRisk))
}
