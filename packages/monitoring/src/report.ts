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
