/** How all checks came out. */
export interface HealthReport {
  /** Whether every critical check passed. */
  readonly isHealthy: boolean
  readonly checks: readonly HealthCheckResult[]
  /** `name: error` of every check that failed, critical or not. */
  readonly failures: readonly string[]
}

/** How one check came out. */
export interface HealthCheckResult {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly critical: boolean
  readonly error?: string
}

/** Somebody who had not finished when a close reached its deadline. */
export interface Holder {
  readonly heldMs: number
  /** The request that was cut off. */
  readonly label?: string | undefined
}

/** How a close ended. */
export interface CloseReport {
  /** Whether every request ended by itself. */
  readonly closed: boolean
  readonly ms: number
  readonly holders: readonly Holder[]
}

/** Options of a close, which always ends. */
export interface CloseOptions {
  /** How long requests in flight may take to end, in milliseconds, from 1. @default 10_000 */
  readonly deadlineMs?: number | undefined
}
