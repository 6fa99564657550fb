import { Creator } from './creator.ts'
import { Destroyer } from './destroyer.ts'
import { PoolError, type PoolErrorCode } from './errors.ts'
import { IdleList } from './idle-list.ts'
import { LoanBook, type Entry } from './loan-book.ts'
import type { CheckedOptions, DestroyReason } from './options.ts'
import { describeTimeout, type Holder, type PoolStats } from './report.ts'
import { timeoutChannel } from './telemetry.ts'
import { Validator } from './validator.ts'
import { WaiterQueue, type Waiter } from './waiter-queue.ts'

/**
 * The objects of a pool and the callers who want them: brings the two together, makes objects as long as
 * callers are left over, and ends what has no place.
 */
export class Stock<T extends object> {
  readonly #pool: string
  readonly #loans: LoanBook<T>
  readonly #idle: IdleList<Entry<T>>
  readonly #waiters: WaiterQueue<T>
  readonly #validator: Validator<T, Entry<T>>
  readonly #creator: Creator<T>
  readonly #destroyer: Destroyer<T>
  readonly #ended: PromiseWithResolvers<boolean> = Promise.withResolvers()

  #minSize: number
  #maxSize: number
  #timeouts = 0
  #serving = false
  #closing = false

  constructor(pool: string, options: CheckedOptions<T>) {
    const { minSize, maxSize, order, idleTimeoutMs, validate, destroy, hookTimeoutMs } = options
    this.#pool = pool
    this.#minSize = minSize
    this.#maxSize = maxSize
    this.#loans = new LoanBook(pool)
    this.#idle = new IdleList(order, idleTimeoutMs, () => this.#evict())
    this.#waiters = new WaiterQueue({
      onTimeout: (waiter) => this.#timeOut(waiter),
      onAbort: () => this.#serve(),
    })
    this.#validator = new Validator(validate, hookTimeoutMs, (entry, valid) => {
      if (valid) this.#lendToNext(entry)
      else this.end(entry, 'invalid')
    })
    this.#destroyer = new Destroyer(pool, destroy, hookTimeoutMs, () => this.#serve())
    this.#creator = new Creator(pool, options, {
      onObject: (object) => this.#lendToNext(this.#loans.add(object)),
      onLate: (object) => this.#destroyer.destroy(object, 'late'),
      onFailure: (failure) => this.#onCreateFailed(failure),
      onRetry: () => this.#serve(),
    })
  }

  get minSize(): number {
    return this.#minSize
  }

  get maxSize(): number {
    return this.#maxSize
  }

  get idle(): number {
    return this.#idle.size
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether another object may be created now. */
  get hasRoom(): boolean {
    return this.#alive < this.#maxSize && !this.#creator.paused
  }

  /** Lends what can be lent at once. */
  tryTake(): Entry<T> | undefined {
    if (this.#waiters.size > 0 || this.#validator.answersLater || this.#closing) return undefined
    for (let entry = this.#idle.take(); entry !== undefined; entry = this.#idle.take()) {
      if (this.#validator.isValid(entry)) return this.#loans.lend(entry, 0)
      if (this.#validator.answersLater) break
    }
    return undefined
  }

  /** Puts a caller in the line. */
  wait(waiter: Waiter<T>): void {
    this.#waiters.push(waiter)
    this.#serve()
  }

  /** Ends the loan of an object. @throws {TypeError} when there is none */
  takeBack(object: T, verb: string): Entry<T> {
    return this.#loans.takeBack(object, verb)
  }

  entryOf(object: T): Entry<T> | undefined {
    return this.#loans.entryOf(object)
  }

  /** Puts an object that nobody has among the idle, unless somebody waits for it or there is no place for it. */
  shelve(entry: Entry<T>): void {
    if (this.#closing && this.#waiters.size === 0) return this.end(entry, 'closed')
    if (this.#owned > this.#maxSize) return this.end(entry, 'resized')
    this.#idle.push(entry)
    if (this.#waiters.size > 0) this.#serve()
  }

  end(entry: Entry<T>, reason: DestroyReason): void {
    this.#loans.remove(entry)
    this.#destroyer.destroy(entry.object, reason)
    this.#serve()
  }

  endIdle(reason: DestroyReason): void {
    for (let entry = this.#idle.take(); entry !== undefined; entry = this.#idle.take())
      this.end(entry, reason)
  }

  /** Creates until `count` are there or under way. Resolves to the first failure, if there was one. */
  async createUpTo(count: number): Promise<PoolError | undefined> {
    const missing = Math.max(0, Math.min(count - this.#owned, this.#maxSize - this.#alive))
    const failures = await Promise.all(Array.from({ length: missing }, () => this.#creator.create()))
    return failures.find((failure) => failure !== undefined)
  }

  resize(minSize: number, maxSize: number): void {
    this.#minSize = minSize
    this.#maxSize = maxSize
    while (this.#owned > maxSize && this.#idle.size > 0) this.end(this.#idle.takeOldest()!, 'resized')
    this.#serve()
  }

  /** From now on what comes back is ended, once those who wait already have been served or rejected. */
  beginClosing(waiters: 'serve' | 'reject'): void {
    this.#closing = true
    this.#idle.stopSweeping()
    if (waiters === 'reject') this.#rejectWaiters()
    if (this.#waiters.size === 0) this.#abortCreations()
    this.endIdle('closed')
  }

  /** Resolves to true when nothing is alive or awaited any more, to false at the deadline. */
  becomeQuiet(deadlineMs: number): Promise<boolean> {
    const deadline = setTimeout(() => this.#ended.resolve(false), deadlineMs)
    this.#checkQuiet()
    return this.#ended.promise.finally(() => clearTimeout(deadline))
  }

  /** Gives up what is left. */
  finishClosing(): void {
    this.#rejectWaiters()
    this.#abortCreations()
    this.#waiters.stop()
    this.#creator.stop()
  }

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

  error(code: PoolErrorCode, message: string, cause?: unknown): PoolError {
    return new PoolError(code, `${this.#pool}: ${message}`, cause === undefined ? undefined : { cause })
  }

  /** Objects that can be lent, now or later. */
  get #owned(): number {
    return this.#loans.size + this.#creator.pending
  }

  /** Those and the ones that are not gone yet: a connection that is closing still counts at its server. */
  get #alive(): number {
    return this.#owned + this.#destroyer.pending
  }

  /**
   * Gives waiting callers what is idle, then creates for those who are left. What it does may call it again;
   * the outermost call goes on until nothing is left to do.
   */
  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    while (this.#waiters.size > this.#validator.pending) {
      const entry = this.#idle.take()
      if (entry === undefined) break
      if (this.#validator.isValid(entry)) this.#lendToNext(entry)
    }
    while (this.#waiters.size > this.#validator.pending + this.#creator.pending && this.hasRoom) {
      void this.#creator.create()
    }
    this.#serving = false
    if (this.#closing && this.#waiters.size === 0) {
      this.endIdle('closed')
      if (this.#creator.pending > 0) this.#abortCreations()
    }
    this.#checkQuiet()
  }

  #lendToNext(entry: Entry<T>): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) return this.shelve(entry)
    waiter.resolve(this.#loans.lend(entry, performance.now() - waiter.since).object)
  }

  /** Waiting callers are rejected only when no live object could come back to them. */
  #onCreateFailed(failure: PoolError): void {
    if (this.#owned === 0) this.#waiters.rejectAll(failure)
    this.#checkQuiet()
  }

  #evict(): void {
    while (this.#loans.size > this.#minSize) {
      const entry = this.#idle.takeExpired()
      if (entry === undefined) return
      this.end(entry, 'idle')
    }
  }

  #timeOut(waiter: Waiter<T>): void {
    this.#timeouts++
    const waitedMs = performance.now() - waiter.since
    const stats = this.stats()
    const { inUse, waiting } = stats
    if (timeoutChannel.hasSubscribers) timeoutChannel.publish({ pool: this.#pool, waitedMs, inUse, waiting })
    const { lastFailure } = this.#creator
    const message = describeTimeout(waitedMs, stats, this.#loans.oldestMs(), lastFailure)
    waiter.reject(this.error('POOL_TIMEOUT', message, lastFailure))
    this.#serve()
  }

  #rejectWaiters(): void {
    this.#waiters.rejectAll(this.error('POOL_CLOSED', 'the pool was closed while the caller waited'))
  }

  #abortCreations(): void {
    this.#creator.abort(this.error('POOL_CLOSED', 'the pool was closed during a creation'))
  }

  get #quiet(): boolean {
    return this.#alive === 0 && this.#waiters.size === 0
  }

  #checkQuiet(): void {
    if (this.#closing && this.#quiet) this.#ended.resolve(true)
  }
}
