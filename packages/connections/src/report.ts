/** Somebody who had not finished when a close reached its deadline. */
export interface Holder {
  readonly heldMs: number
  /** The line that took it, where it is known: of every lease under `leakAfterMs`. */
  readonly site?: string | undefined
  /** What is held: the pool's name, the statement, or the request. */
  readonly label?: string | undefined
}

/** How a close ended. */
export interface CloseReport {
  /** Whether everything had been returned and closed by the deadline. */
  readonly closed: boolean
  readonly ms: number
  readonly holders: readonly Holder[]
}

/** Options of a close, which always ends. */
export interface CloseOptions {
  /** How long to wait for what is still in use, in milliseconds, from 1. @default 10_000 */
  readonly deadlineMs?: number | undefined
}

export const closeDefaults = { deadlineMs: 10_000 }

/** How one pool answered when asked for a sign of life. */
export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly critical: boolean
  readonly error?: string | undefined
  /** Of what it is made of, the replicas of a pool for instance. */
  readonly parts?: readonly HealthCheck[] | undefined
}

/** How all of them answered. */
export interface HealthReport {
  /** Whether no critical one failed. */
  readonly isHealthy: boolean
  readonly checks: readonly HealthCheck[]
  /** Who failed, and why: `name: error`. */
  readonly failures: readonly string[]
}
