import type { Taker } from './taker.ts'

/** One caller waiting for an object: a link of the line itself, so that joining it costs one allocation. */
export class Waiter<T> {
  readonly resolve: (object: T) => void
  readonly reject: (reason: unknown) => void
  readonly priority: number
  readonly since: number
  readonly deadline: number
  readonly signal: AbortSignal | undefined
  readonly taker: Taker | undefined
  before: Waiter<T> | undefined = undefined
  after: Waiter<T> | undefined = undefined
  onAbort: (() => void) | undefined = undefined

  constructor(
    resolve: (object: T) => void,
    reject: (reason: unknown) => void,
    wait: { priority: number; timeoutMs: number; signal: AbortSignal | undefined; taker: Taker | undefined },
  ) {
    this.resolve = resolve
    this.reject = reject
    this.priority = wait.priority
    this.since = performance.now()
    this.deadline = this.since + wait.timeoutMs
    this.signal = wait.signal
    this.taker = wait.taker
  }
}

/** Who hears of a caller that left the line unserved. */
export interface WaiterHandlers<T> {
  /** Must reject the waiter. */
  readonly onTimeout: (waiter: Waiter<T>) => void
  readonly onAbort: () => void
}

/**
 * The line of callers: by priority, then by arrival. A waiter leaves it by being taken, by its signal or by
 * its deadline. One timer serves all deadlines; it keeps the process alive only while somebody waits.
 */
export class WaiterQueue<T> {
  readonly #handlers: WaiterHandlers<T>
  #first: Waiter<T> | undefined
  #last: Waiter<T> | undefined
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #timerDue = Infinity

  constructor(handlers: WaiterHandlers<T>) {
    this.#handlers = handlers
  }

  get size(): number {
    return this.#size
  }

  push(waiter: Waiter<T>): void {
    waiter.before = this.#last
    while (waiter.before !== undefined && waiter.before.priority < waiter.priority) {
      waiter.after = waiter.before
      waiter.before = waiter.before.before
    }
    // Before it is in the line: what is no signal throws here.
    this.#listen(waiter)
    if (waiter.before === undefined) this.#first = waiter
    else waiter.before.after = waiter
    if (waiter.after === undefined) this.#last = waiter
    else waiter.after.before = waiter
    this.#size++
    this.#watch(waiter.deadline)
  }

  shift(): Waiter<T> | undefined {
    const first = this.#first
    if (first !== undefined) this.#remove(first)
    return first
  }

  rejectAll(reason: unknown): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) waiter.reject(reason)
  }

  /** Drops the timer for good: a closed pool must not hold one. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timerDue = Infinity
  }

  #listen(waiter: Waiter<T>): void {
    const { signal } = waiter
    if (signal === undefined) return
    waiter.onAbort = () => {
      this.#remove(waiter)
      waiter.reject(signal.reason)
      this.#handlers.onAbort()
    }
    signal.addEventListener('abort', waiter.onAbort)
  }

  #remove(waiter: Waiter<T>): void {
    if (waiter.before === undefined) this.#first = waiter.after
    else waiter.before.after = waiter.after
    if (waiter.after === undefined) this.#last = waiter.before
    else waiter.after.before = waiter.before
    if (waiter.onAbort !== undefined) waiter.signal?.removeEventListener('abort', waiter.onAbort)
    this.#size--
    if (this.#size === 0) this.#timer?.unref()
  }

  #watch(deadline: number): void {
    if (this.#timerDue <= deadline) {
      if (this.#size === 1) this.#timer?.ref()
      return
    }
    clearTimeout(this.#timer)
    this.#timerDue = deadline
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(deadline - performance.now())))
  }

  #expire(): void {
    this.#timerDue = Infinity
    const now = performance.now()
    const expired: Waiter<T>[] = []
    let nearest = Infinity
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.after) {
      if (waiter.deadline <= now) expired.push(waiter)
      else if (waiter.deadline < nearest) nearest = waiter.deadline
    }
    if (nearest < Infinity) this.#watch(nearest)
    // All are out of the line before any is told: whoever is told may serve the others.
    for (const waiter of expired) this.#remove(waiter)
    for (const waiter of expired) this.#handlers.onTimeout(waiter)
  }
}
