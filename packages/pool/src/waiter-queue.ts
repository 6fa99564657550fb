/** One caller waiting for an object. */
export interface Waiter<T> {
  readonly resolve: (object: T) => void
  readonly reject: (reason: unknown) => void
  readonly priority: number
  readonly since: number
  readonly deadline: number
  readonly signal: AbortSignal | undefined
}

/** Who hears of a caller that left the line unserved. */
export interface WaiterHandlers<T> {
  /** Must reject the waiter. */
  readonly onTimeout: (waiter: Waiter<T>) => void
  readonly onAbort: () => void
}

interface Node<T> extends Waiter<T> {
  before: Node<T> | undefined
  after: Node<T> | undefined
  onAbort: (() => void) | undefined
}

/**
 * The line of callers: by priority, then by arrival. A waiter leaves it by being taken, by its signal or by
 * its deadline. One timer serves all deadlines; it keeps the process alive only while somebody waits.
 */
export class WaiterQueue<T> {
  readonly #handlers: WaiterHandlers<T>
  #first: Node<T> | undefined
  #last: Node<T> | undefined
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
    const node: Node<T> = { ...waiter, before: this.#last, after: undefined, onAbort: undefined }
    while (node.before !== undefined && node.before.priority < node.priority) {
      node.after = node.before
      node.before = node.before.before
    }
    // Before it is in the line: what is no signal throws here.
    this.#listen(node)
    if (node.before === undefined) this.#first = node
    else node.before.after = node
    if (node.after === undefined) this.#last = node
    else node.after.before = node
    this.#size++
    this.#watch(node.deadline)
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

  #listen(node: Node<T>): void {
    const { signal } = node
    if (signal === undefined) return
    node.onAbort = () => {
      this.#remove(node)
      node.reject(signal.reason)
      this.#handlers.onAbort()
    }
    signal.addEventListener('abort', node.onAbort)
  }

  #remove(node: Node<T>): void {
    if (node.before === undefined) this.#first = node.after
    else node.before.after = node.after
    if (node.after === undefined) this.#last = node.before
    else node.after.before = node.before
    if (node.onAbort !== undefined) node.signal?.removeEventListener('abort', node.onAbort)
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
    const expired: Node<T>[] = []
    let nearest = Infinity
    for (let node = this.#first; node !== undefined; node = node.after) {
      if (node.deadline <= now) expired.push(node)
      else if (node.deadline < nearest) nearest = node.deadline
    }
    if (nearest < Infinity) this.#watch(nearest)
    // All are out of the line before any is told: whoever is told may serve the others.
    for (const node of expired) this.#remove(node)
    for (const node of expired) this.#handlers.onTimeout(node)
  }
}
