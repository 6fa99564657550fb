import { Creator } from './creator.ts'
import { Destroyer } from './destroyer.ts'
import { PoolError } from './errors.ts'
import { IdleList } from './idle-list.ts'
import { registerInstrument } from './instrument.ts'
import { PoolLease, type Lease } from './lease.ts'
import { LoanBook, type Entry } from './loan-book.ts'
import {
  checkInteger,
  checkMs,
  checkOptions,
  checkSizes,
  type AcquireOptions,
  type CheckedOptions,
  type DestroyReason,
  type ObjectPoolOptions,
} from './options.ts'
import { describeTimeout, type CloseReport, type Holder, type PoolStats } from './report.ts'
import { timeoutChannel } from './telemetry.ts'
import { isThenable } from './thenable.ts'
import { Validator } from './validator.ts'
import { WaiterQueue, type Waiter } from './waiter-queue.ts'

/**
 * Lends objects that are expensive to make. Synchronous when one is idle:
 * `const expert = pool.tryAcquire() ?? (await pool.acquire())`.
 */
export class ObjectPool<T extends object> implements AsyncDisposable {
  readonly name: string
  readonly #options: CheckedOptions<T>
  readonly #loans: LoanBook<T>
  readonly #idle: IdleList<Entry<T>>
  readonly #waiters: WaiterQueue<T>
  readonly #validator: Validator<T, Entry<T>>
  readonly #creator: Creator<T>
  readonly #destroyer: Destroyer<T>
  readonly #unregister: () => void
  readonly #returnLease = (object: T): void => this.release(object)

  #minSize: number
  #maxSize: number
  #timeouts = 0
  #closing = false
  #closed: Promise<CloseReport> | undefined
  #onQuiet: (() => void) | undefined

  /**
   * @throws {TypeError | RangeError} when an option is not what it should be
   */
  constructor(options: ObjectPoolOptions<T>) {
    this.#options = checkOptions(options)
    const { minSize, maxSize, order, idleTimeoutMs, validate, destroy } = this.#options
    this.name = options.name ?? `pool-${++unnamed}`
    this.#minSize = minSize
    this.#maxSize = maxSize
    this.#loans = new LoanBook(this.name)
    this.#idle = new IdleList(order, idleTimeoutMs, () => this.#evict())
    this.#waiters = new WaiterQueue({
      onTimeout: (waiter) => this.#timeOut(waiter),
      onAbort: () => this.#serve(),
    })
    this.#validator = new Validator(validate, (entry, valid) => {
      if (valid) this.#lendToNext(entry)
      else this.#end(entry, 'invalid')
    })
    this.#destroyer = new Destroyer(this.name, destroy, () => this.#checkQuiet())
    this.#creator = new Creator(this.name, this.#options, {
      onObject: (object) => this.#lendToNext(this.#loans.add(object)),
      onLate: (object) => this.#destroyer.destroy(object, 'late'),
      onFailure: (failure) => this.#onCreateFailed(failure),
      onRetry: () => this.#serve(),
    })
    this.#unregister = registerInstrument('pool', this.name, this)
  }

  /** Lends an idle object, or nothing: when there is none, when callers wait, or when `validate` is asynchronous. */
  tryAcquire(): T | undefined {
    return this.#tryEntry()?.object
  }

  /** `tryAcquire` as a lease. */
  tryLease(): Lease<T> | undefined {
    const entry = this.#tryEntry()
    return entry && new PoolLease(entry, this.#returnLease)
  }

  /**
   * Lends an object: an idle one, a new one, or the next to be returned.
   * @throws {PoolError} POOL_TIMEOUT when none came in time, POOL_QUEUE_FULL when `maxWaiting` callers wait,
   * POOL_CREATE_FAILED when creating failed and no live object could still come back, POOL_CLOSED
   */
  acquire(options: AcquireOptions = none): Promise<T> {
    const { signal, timeoutMs = this.#options.acquireTimeoutMs, priority = 0 } = options
    if (options !== none) checkMs('timeoutMs', timeoutMs)
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#closing) return Promise.reject(this.#error('POOL_CLOSED', 'the pool is closed'))
    const idle = this.tryAcquire()
    if (idle !== undefined) return Promise.resolve(idle)
    if (this.#waiters.size >= this.#options.maxWaiting && !this.#hasRoom) {
      return Promise.reject(this.#error('POOL_QUEUE_FULL', `${this.#waiters.size} callers wait already`))
    }
    return new Promise((resolve, reject) => {
      const since = performance.now()
      this.#waiters.push({ resolve, reject, priority, signal, since, deadline: since + timeoutMs })
      this.#serve()
    })
  }

  /**
   * Takes a lent object back.
   * @throws {TypeError} when the object is not on loan from this pool: foreign, or returned already
   */
  release(object: T): void {
    const entry = this.#loans.takeBack(object, 'release')
    const { reset } = this.#options
    if (reset === undefined) return this.#shelve(entry)
    try {
      const done = reset(object)
      if (!isThenable(done)) return this.#shelve(entry)
      done.then(
        () => this.#shelve(entry),
        () => this.#end(entry, 'reset-failed'),
      )
    } catch {
      this.#end(entry, 'reset-failed')
    }
  }

  /**
   * Takes a lent object out of the pool for good, because it is broken.
   * @throws {TypeError} when the object is not on loan from this pool
   */
  destroy(object: T): void {
    this.#end(this.#loans.takeBack(object, 'destroy'), 'broken')
  }

  /** `acquire` as a lease. Rejects as `acquire` does. */
  async lease(options?: AcquireOptions): Promise<Lease<T>> {
    const object = await this.acquire(options)
    return new PoolLease(this.#loans.entryOf(object)!, this.#returnLease)
  }

  /** Runs `work` with a lent object and returns the object whatever happens. Rejects as `acquire` does. */
  async use<R>(work: (object: T) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    const lease = this.tryLease() ?? (await this.lease(options))
    try {
      return await work(lease.value)
    } finally {
      lease[Symbol.dispose]()
    }
  }

  /**
   * Creates objects until `count` are alive, and waits for them.
   * @throws {PoolError} POOL_CREATE_FAILED when one could not be created
   */
  async warm(count: number = this.#minSize): Promise<void> {
    checkInteger('count', count, 0)
    if (count > this.#maxSize) throw new RangeError(`count must be at most ${this.#maxSize}, got ${count}`)
    if (this.#closing) throw this.#error('POOL_CLOSED', 'the pool is closed')
    const missing = Math.max(0, count - this.#alive)
    const failures = await Promise.all(Array.from({ length: missing }, () => this.#creator.create()))
    const failure = failures.find((each) => each !== undefined)
    if (failure !== undefined) throw failure
  }

  /** Changes the bounds. Idle objects beyond the new `maxSize` go at once, lent ones when they come back. */
  resize({ minSize = this.#minSize, maxSize = this.#maxSize }: { minSize?: number; maxSize?: number }): void {
    checkSizes(minSize, maxSize)
    this.#minSize = minSize
    this.#maxSize = maxSize
    while (this.#alive > maxSize && this.#idle.size > 0) this.#end(this.#idle.takeOldest()!, 'resized')
    this.#serve()
  }

  /** Destroys the idle objects. */
  clear(): void {
    this.#endIdle('cleared')
  }

  /**
   * Lends no more and waits until every object is back and destroyed, at most until the deadline. Callers that
   * wait already are served or, on demand, rejected with POOL_CLOSED. An object that comes back later is
   * destroyed then.
   */
  close(
    options: { deadlineMs?: number | undefined; waiters?: 'serve' | 'reject' | undefined } = {},
  ): Promise<CloseReport> {
    const { deadlineMs = 10_000, waiters = 'serve' } = options
    checkMs('deadlineMs', deadlineMs)
    this.#closing = true
    return (this.#closed ??= this.#close(deadlineMs, waiters))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Who has an object now, the oldest loan first. */
  holders(): readonly Holder[] {
    return this.#loans.holders()
  }

  stats(): PoolStats {
    return Object.freeze({
      size: this.#loans.size,
      maxSize: this.#maxSize,
      minSize: this.#minSize,
      idle: this.#idle.size,
      inUse: this.#loans.inUse,
      creating: this.#creator.pending,
      waiting: this.#waiters.size,
      created: this.#creator.created,
      destroyed: this.#destroyer.destroyed,
      timeouts: this.#timeouts,
      createFailures: this.#creator.failed,
      destroyFailures: this.#destroyer.failed,
    })
  }

  get #alive(): number {
    return this.#loans.size + this.#creator.pending
  }

  get #hasRoom(): boolean {
    return this.#alive < this.#maxSize && !this.#creator.paused
  }

  #tryEntry(): Entry<T> | undefined {
    if (this.#waiters.size > 0 || this.#validator.answersLater || this.#closing) return undefined
    for (let entry = this.#idle.take(); entry !== undefined; entry = this.#idle.take()) {
      if (this.#validator.isValid(entry)) return this.#loans.lend(entry, 0)
      if (this.#validator.answersLater) break
    }
    return undefined
  }

  #lendToNext(entry: Entry<T>): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) return this.#shelve(entry)
    waiter.resolve(this.#loans.lend(entry, performance.now() - waiter.since).object)
  }

  /** Puts an object that nobody has among the idle, unless somebody waits for it or there is no place for it. */
  #shelve(entry: Entry<T>): void {
    if (this.#closing && this.#waiters.size === 0) return this.#end(entry, 'closed')
    if (this.#alive > this.#maxSize) return this.#end(entry, 'resized')
    this.#idle.push(entry)
    if (this.#waiters.size > 0) this.#serve()
  }

  /** Gives waiting callers what is idle, then creates for those who are left. */
  #serve(): void {
    while (this.#waiters.size > this.#validator.pending) {
      const entry = this.#idle.take()
      if (entry === undefined) break
      if (this.#validator.isValid(entry)) this.#lendToNext(entry)
    }
    while (this.#waiters.size > this.#validator.pending + this.#creator.pending && this.#hasRoom) {
      void this.#creator.create()
    }
    if (this.#closing && this.#waiters.size === 0) this.#endIdle('closed')
    this.#checkQuiet()
  }

  /** Waiting callers are rejected only when no live object could come back to them. */
  #onCreateFailed(failure: PoolError): void {
    if (this.#alive === 0) this.#waiters.rejectAll(failure)
    this.#checkQuiet()
  }

  #end(entry: Entry<T>, reason: DestroyReason): void {
    this.#loans.remove(entry)
    this.#destroyer.destroy(entry.object, reason)
    this.#serve()
  }

  #endIdle(reason: DestroyReason): void {
    for (let entry = this.#idle.take(); entry !== undefined; entry = this.#idle.take())
      this.#end(entry, reason)
  }

  #evict(): void {
    while (this.#loans.size > this.#minSize) {
      const entry = this.#idle.takeExpired()
      if (entry === undefined) return
      this.#end(entry, 'idle')
    }
  }

  #timeOut(waiter: Waiter<T>): void {
    this.#timeouts++
    const waitedMs = performance.now() - waiter.since
    const stats = this.stats()
    const { inUse, waiting } = stats
    if (timeoutChannel.hasSubscribers) timeoutChannel.publish({ pool: this.name, waitedMs, inUse, waiting })
    const { lastFailure } = this.#creator
    const message = describeTimeout(waitedMs, stats, this.holders(), lastFailure)
    waiter.reject(this.#error('POOL_TIMEOUT', message, lastFailure))
    this.#serve()
  }
  async #close(deadlineMs: number, waiters: 'serve' | 'reject'): Promise<CloseReport> {
    const started = performance.now()
    this.#idle.stopSweeping()
    if (waiters === 'reject') this.#rejectWaiters()
    if (this.#waiters.size === 0) this.#abortCreations()
    this.#endIdle('closed')
    await this.#becomeQuiet(deadlineMs)

    this.#rejectWaiters()
    this.#abortCreations()
    this.#waiters.stop()
    this.#creator.stop()
    this.#unregister()
    return Object.freeze({
      closed: this.#quiet,
      ms: performance.now() - started,
      holders: Object.freeze(this.holders()),
    })
  }

  #becomeQuiet(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const deadline = setTimeout(resolve, deadlineMs)
      this.#onQuiet = () => {
        clearTimeout(deadline)
        resolve()
      }
      this.#checkQuiet()
    })
  }

  #rejectWaiters(): void {
    this.#waiters.rejectAll(this.#error('POOL_CLOSED', 'the pool was closed while the caller waited'))
  }

  #abortCreations(): void {
    this.#creator.abort(this.#error('POOL_CLOSED', 'the pool was closed during a creation'))
  }

  get #quiet(): boolean {
    return this.#alive === 0 && this.#waiters.size === 0 && this.#destroyer.pending === 0
  }

  #checkQuiet(): void {
    if (this.#onQuiet !== undefined && this.#quiet) this.#onQuiet()
  }

  #error(code: PoolError['code'], message: string, cause?: unknown): PoolError {
    return new PoolError(code, `${this.name}: ${message}`, cause === undefined ? undefined : { cause })
  }
}

let unnamed = 0
const none: AcquireOptions = {}
