import type { Taker } from './taker.ts'
import { acquireChannel } from './telemetry.ts'

/** What a caller who must wait has asked for. */
export interface Wait {
  readonly priority: number
  readonly timeoutMs: number
  readonly taker?: Taker | undefined
}

/** One caller waiting for an object: a link of the line itself, so that joining it costs one allocation. */
export class Waiter<T> {
  readonly resolve: (object: T) => void
  readonly reject: (reason: unknown) => void
  readonly priority: number
  readonly timeoutMs: number
  readonly taker: Taker | undefined
  /** When the wait began, or `unknown`: most waits are over before anybody has to look at a clock. */
  since: number = unknown
  before: Waiter<T> | undefined = undefined
  after: Waiter<T> | undefined = undefined
  /** Takes the listener off its signal, if it has one. */
  stopListening: (() => void) | undefined = undefined

  constructor(resolve: (object: T) => void, reject: (reason: unknown) => void, wait: Wait) {
    this.resolve = resolve
    this.reject = reject
    this.priority = wait.priority
    this.timeoutMs = wait.timeoutMs
    this.taker = wait.taker
    if (acquireChannel.hasSubscribers) this.since = performance.now()
  }

  get waitedMs(): number {
    return this.since === unknown ? 0 : performance.now() - this.since
  }
}

const unknown = -1

/** Who hears of a caller that left the line unserved. */
export interface WaiterHandlers<T> {
  /** Must reject the waiters. */
  readonly onTimeout: (waiters: readonly Waiter<T>[]) => void
  readonly onAbort: () => void
}

/** How often the line is looked over, in milliseconds: a wait may last up to twice as long beyond its limit. */
const sweepEveryMs = 10

/**
 * The line of callers: by priority, then by arrival. A waiter leaves it by being taken, by its signal or by
 * its time limit. One timer serves all limits, and only while somebody waits; a clock is read for those alone
 * who are still there when it fires.
 */
export class WaiterQueue<T> {
  readonly #handlers: WaiterHandlers<T>
  #first: Waiter<T> | undefined
  #last: Waiter<T> | undefined
  #size = 0
  #timer: NodeJS.Timeout | undefined

  constructor(handlers: WaiterHandlers<T>) {
    this.#handlers = handlers
  }

  get size(): number {
    return this.#size
  }

  push(waiter: Waiter<T>, signal: AbortSignal | undefined): void {
    // Before it is in the line: what only looks like a signal may throw here.
    if (signal !== undefined) this.#listen(waiter, signal)
    let before = this.#last
    while (before !== undefined && before.priority < waiter.priority) before = before.before
    const after = before === undefined ? this.#first : before.after
    waiter.before = before
    waiter.after = after
    if (before === undefined) this.#first = waiter
    else before.after = waiter
    if (after === undefined) this.#last = waiter
    else after.before = waiter
    this.#size++
    this.#timer ??= setInterval(() => this.#sweep(), sweepEveryMs)
  }

  shift(): Waiter<T> | undefined {
    const first = this.#first
    if (first !== undefined) this.#remove(first)
    return first
  }

  rejectAll(reason: unknown): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) waiter.reject(reason)
  }

  /** Drops the timer: a closed pool must not hold one, nor one for which nobody waits. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #listen(waiter: Waiter<T>, signal: AbortSignal): void {
    const onAbort = (): void => {
      this.#remove(waiter)
      waiter.reject(signal.reason)
      this.#handlers.onAbort()
    }
    signal.addEventListener('abort', onAbort)
    waiter.stopListening = () => signal.removeEventListener('abort', onAbort)
  }

  #remove(waiter: Waiter<T>): void {
    const { before, after } = waiter
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    if (waiter.stopListening !== undefined) waiter.stopListening()
    this.#size--
  }

  #sweep(): void {
    if (this.#size === 0) return this.stop()
    const now = performance.now()
    const expired: Waiter<T>[] = []
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.after) {
      if (waiter.since === unknown) waiter.since = now
      else if (now - waiter.since >= waiter.timeoutMs) expired.push(waiter)
    }
    // All are out of the line before any is told: whoever is told may serve the others.
    for (const waiter of expired) this.#remove(waiter)
    if (expired.length > 0) this.#handlers.onTimeout(expired)
  }
}
