/** How one step of a shutdown ended. */
export interface ShutdownStep {
  readonly name: string
  readonly ms: number
  readonly ok: boolean
  /** What the step threw, or a `GcError` GC_DEADLINE. */
  readonly error?: unknown
  /** Whether the step was passed over, or ended by itself with something still held. */
  readonly timedOut?: boolean
}

/** What was still held when its deadline came. */
export interface Holder {
  readonly heldMs: number
  /** The line that made it, where known. */
  readonly site?: string
  readonly label?: string
}

/** How a shutdown ended: every step in the order of their beginnings. */
export interface ShutdownReport {
  /** Whether every step ended well and in time. */
  readonly closed: boolean
  readonly ms: number
  readonly steps: readonly ShutdownStep[]
  readonly holders: readonly Holder[]
}

/** An instance of a managed class that was collected before anybody had cleaned it up. */
export interface LeakNotice {
  /** The class. */
  readonly name: string
  /** The line that made it, or `'not recorded'`. */
  readonly site: string
  /** When it was made, in milliseconds since the epoch. */
  readonly at: number
}

/** The figures of a lifecycle at one moment. */
export type LifecycleStats = Readonly<{
  /** Added, and not closed yet. */
  resources: number
  /** Living instances of managed classes that nobody has cleaned up. */
  managed: number
  /** So far: instances that were collected instead of cleaned up. */
  leaks: number
  ready: boolean
}>
