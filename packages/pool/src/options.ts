import type { Holder } from './report.ts'

/** Why an object left the pool, as told to `destroy` and on the channel `code:pool:destroy`. */
export type DestroyReason =
  /** The borrower called `pool.destroy`. */
  | 'broken'
  /** `clear()` dropped it. */
  | 'cleared'
  /** The pool closed. */
  | 'closed'
  /** It has lived for `maxLifetimeMs`. */
  | 'expired'
  /** It lay idle longer than `idleTimeoutMs`. */
  | 'idle'
  /** `validate` said no, threw or rejected. */
  | 'invalid'
  /** Its creation settled after `createTimeoutMs`, or after the pool had closed. */
  | 'late'
  /** `reset` threw or rejected. */
  | 'reset-failed'
  /** `resize` left no room for it. */
  | 'resized'
  /** It has been lent `maxUses` times. */
  | 'worn-out'

/** What a pool lends and how it looks after it. */
export interface ObjectPoolOptions<T extends object> {
  /** The name in telemetry and error messages. @default 'pool-1', 'pool-2', … */
  readonly name?: string | undefined
  /** Makes one object. The signal aborts when `createTimeoutMs` has passed or the pool has closed. */
  readonly create: (signal: AbortSignal) => T | Promise<T>
  /**
   * Frees one object. `cause` is what the borrower gave to `destroy`, or what `validate` or `reset` failed with.
   * What it throws itself is counted in `stats().destroyFailures` and harms nothing else.
   */
  readonly destroy?: ((object: T, reason: DestroyReason, cause?: unknown) => unknown) | undefined
  /** Tells whether an idle object may be lent. `false`, a throw or a rejection destroys it. */
  readonly validate?: ((object: T) => boolean | Promise<boolean>) | undefined
  /** Makes a returned object fit for the next borrower, who waits for it. A failure destroys the object. */
  readonly reset?: ((object: T) => unknown) | undefined
  /** Most objects alive at once. Integer from 1. */
  readonly maxSize: number
  /** Objects that idle eviction leaves alone and `warm()` creates. Integer from 0 to `maxSize`. @default 0 */
  readonly minSize?: number | undefined
  /** Whether `minSize` objects are made in the background, at once and whenever fewer are left. @default false */
  readonly preCreate?: boolean | undefined
  /** Most creations under way at once. Integer from 1. @default as many as `maxSize` allows */
  readonly maxCreating?: number | undefined
  /** Most callers waiting at once; the next is refused. Integer from 0. @default 10_000 */
  readonly maxWaiting?: number | undefined
  /** Which idle object is lent first: the last returned (warm caches) or the first (even wear). @default 'lifo' */
  readonly order?: 'lifo' | 'fifo' | undefined
  /** How long `acquire` waits, in milliseconds, from 1. @default 30_000 */
  readonly acquireTimeoutMs?: number | undefined
  /** How long one `create` may take, in milliseconds, from 1. @default 30_000 */
  readonly createTimeoutMs?: number | undefined
  /**
   * The pause after a failed creation, in milliseconds, from 1. It doubles with every failure in a row, up to
   * 32 times as long, and half of it is random. @default 50
   */
  readonly createBackoffMs?: number | undefined
  /** How long an asynchronous `validate`, `reset` or `destroy` may take, in milliseconds, from 1. @default 5_000 */
  readonly hookTimeoutMs?: number | undefined
  /**
   * How long an object may lie idle, in milliseconds, from 1; it goes up to half as long after that, at most two
   * seconds. @default undefined (for ever)
   */
  readonly idleTimeoutMs?: number | undefined
  /**
   * How long an object may live, in milliseconds, from 1, less a random tenth, so that not all go at once. One
   * on loan goes when it comes back. @default undefined (for ever)
   */
  readonly maxLifetimeMs?: number | undefined
  /** How often an object may be lent. Integer from 1. @default undefined (without end) */
  readonly maxUses?: number | undefined
  /** Only what has been idle for as long is validated, in milliseconds, from 1. @default undefined (always) */
  readonly validateAfterIdleMs?: number | undefined
  /**
   * A loan that lasts longer, in milliseconds, from 1, is reported once as a leak, with the line that took the
   * object. The price is a call stack for every loan, which costs far more than the loan, instead of one in
   * 1,024. @default undefined
   */
  readonly leakAfterMs?: number | undefined
  /** Called with every leak. What it throws is an uncaught exception, as with a subscriber of a channel. */
  readonly onLeak?: ((leak: Holder) => void) | undefined
}

/** Options of one wait for an object. */
export interface AcquireOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** How long to wait, in milliseconds, from 1. @default the pool's `acquireTimeoutMs` */
  readonly timeoutMs?: number | undefined
  /** Higher goes first; equals are served in order of arrival. @default 0 */
  readonly priority?: number | undefined
  /** What to call the taker in `holders()`, error messages and reports of leaks. */
  readonly label?: string | undefined
  /** Whether the loan is meant to last: it is no leak then, however long. @default false */
  readonly lasting?: boolean | undefined
}

/** Options of a wait for new objects. */
export interface WarmOptions {
  /** Ends the wait, not the creations; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** The bounds of a pool; one that is left out stays. */
export interface ResizeOptions {
  readonly minSize?: number | undefined
  readonly maxSize?: number | undefined
}

/** Options of a close. */
export interface CloseOptions {
  /** When it ends in any case, in milliseconds, from 1. A second call may bring that forward. @default 10_000 */
  readonly deadlineMs?: number | undefined
  /** What becomes of callers that wait already. A second call may still reject them. @default 'serve' */
  readonly waiters?: 'serve' | 'reject' | undefined
}

const defaults = {
  minSize: 0,
  preCreate: false,
  maxWaiting: 10_000,
  order: 'lifo',
  acquireTimeoutMs: 30_000,
  createTimeoutMs: 30_000,
  createBackoffMs: 50,
  hookTimeoutMs: 5_000,
} as const

const durations = [
  'acquireTimeoutMs',
  'createTimeoutMs',
  'createBackoffMs',
  'hookTimeoutMs',
  'idleTimeoutMs',
  'maxLifetimeMs',
  'validateAfterIdleMs',
  'leakAfterMs',
] as const

type Defaulted = keyof typeof defaults
export type CheckedOptions<T extends object> = Omit<ObjectPoolOptions<T>, Defaulted> & {
  readonly [K in Defaulted]: Exclude<ObjectPoolOptions<T>[K], undefined>
}

export function checkOptions<T extends object>(options: ObjectPoolOptions<T>): CheckedOptions<T> {
  checkObject('options', options)
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const checked = { ...defaults, ...Object.fromEntries(given) } as CheckedOptions<T>

  if (typeof checked.create !== 'function')
    throw new TypeError(`create must be a function, got ${describe(checked.create)}`)
  for (const name of ['destroy', 'validate', 'reset', 'onLeak'] as const) {
    const value = checked[name]
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`${name} must be a function, got ${describe(value)}`)
    }
  }
  if (checked.name !== undefined && typeof checked.name !== 'string') {
    throw new TypeError(`name must be a string, got ${describe(checked.name)}`)
  }
  checkSizes(checked.minSize, checked.maxSize)
  checkInteger('maxWaiting', checked.maxWaiting, 0)
  for (const name of ['maxCreating', 'maxUses'] as const) {
    const value = checked[name]
    if (value !== undefined) checkInteger(name, value, 1)
  }
  if (typeof checked.preCreate !== 'boolean') {
    throw new TypeError(`preCreate must be true or false, got ${describe(checked.preCreate)}`)
  }
  if (checked.order !== 'lifo' && checked.order !== 'fifo') {
    throw new TypeError(`order must be 'lifo' or 'fifo', got ${describe(checked.order)}`)
  }
  for (const name of durations) {
    const value = checked[name]
    if (value !== undefined) checkMs(name, value)
  }
  return checked
}

export function checkSizes(minSize: number, maxSize: number): void {
  checkInteger('maxSize', maxSize, 1)
  checkInteger('minSize', minSize, 0)
  if (minSize > maxSize) throw new RangeError(`minSize must be at most maxSize (${maxSize}), got ${minSize}`)
}

export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${name} must be an object, got ${describe(value)}`)
  }
}

export function checkClose({ deadlineMs, waiters }: CloseOptions): void {
  if (deadlineMs !== undefined) checkMs('deadlineMs', deadlineMs)
  if (waiters !== undefined && waiters !== 'serve' && waiters !== 'reject') {
    throw new TypeError(`waiters must be 'serve' or 'reject', got ${describe(waiters)}`)
  }
}

export function checkAcquire({ signal, timeoutMs, priority, label }: AcquireOptions): void {
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, got ${describe(signal)}`)
  }
  if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
  if (priority !== undefined && !Number.isFinite(priority)) {
    throw new RangeError(`priority must be a finite number, got ${describe(priority)}`)
  }
  if (label !== undefined && typeof label !== 'string') {
    throw new TypeError(`label must be a string, got ${describe(label)}`)
  }
}

export function checkInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be an integer from ${least}, got ${describe(value)}`)
  }
}

/** Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once. */
function checkMs(name: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 1 && value < 2 ** 31)) {
    throw new RangeError(`${name} must be milliseconds from 1 to 2147483647, got ${describe(value)}`)
  }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
