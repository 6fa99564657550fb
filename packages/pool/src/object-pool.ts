import { registerInstrument } from './instrument.ts'
import { PoolLease, type Lease } from './lease.ts'
import {
  checkAcquire,
  checkInteger,
  checkClose,
  checkObject,
  checkOptions,
  checkSizes,
  type AcquireOptions,
  type CloseOptions,
  type ResizeOptions,
  type WarmOptions,
  type CheckedOptions,
  type ObjectPoolOptions,
} from './options.ts'
import type { CloseReport, Holder, PoolStats } from './report.ts'
import type { Entry } from './entry.ts'
import type { Shelf } from './shelf.ts'
import { Stock } from './stock.ts'
import { framesOfAcquire, noted } from './taker.ts'
import { isThenable } from './thenable.ts'
import { Waiter } from './waiter-queue.ts'
import { within } from './within.ts'

/**
 * Lends objects that are expensive to make. Synchronous when one is idle:
 * `const expert = pool.tryAcquire() ?? (await pool.acquire())`.
 */
export class ObjectPool<T extends object> implements AsyncDisposable {
  readonly name: string
  readonly #options: CheckedOptions<T>
  readonly #resets: boolean
  readonly #stock: Stock<T>
  /** The stock's, kept here too because every loan goes to it directly. */
  readonly #shelf: Shelf<T>
  readonly #unregister: () => void
  readonly #returnLease = (object: T): void => this.release(object)

  #closed: Promise<CloseReport> | undefined

  /**
   * @throws {TypeError | RangeError} when an option is not what it should be
   */
  constructor(options: ObjectPoolOptions<T>) {
    this.#options = checkOptions(options)
    this.name = options.name ?? `pool-${++unnamed}`
    this.#resets = this.#options.reset !== undefined
    this.#stock = new Stock(this.name, this.#options)
    this.#shelf = this.#stock.shelf
    this.#unregister = registerInstrument('pool', this.name, this)
  }

  /** Lends an idle object, or nothing: when there is none, when callers wait, or when `validate` is asynchronous. */
  tryAcquire(): T | undefined {
    const entry = this.#shelf.lendNext()
    return entry === undefined ? undefined : entry.object
  }

  /** `tryAcquire` as a lease. */
  tryLease(): Lease<T> | undefined {
    const entry = this.#shelf.lendNext()
    return entry && new PoolLease(entry, this.#returnLease)
  }

  /**
   * Lends an object: an idle one, a new one, or the next to be returned.
   * @throws {PoolError} POOL_TIMEOUT when none came in time, POOL_QUEUE_FULL when `maxWaiting` callers wait,
   * POOL_CREATE_FAILED when creating failed and no live object could still come back, POOL_CLOSED
   */
  acquire(options?: AcquireOptions): Promise<T> {
    if (options !== undefined) {
      checkAcquire(options)
      if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    }
    const entry = this.#shelf.lendNext(framesOfAcquire)
    if (entry !== undefined) {
      if (options !== undefined) entry.taker = noted(entry.taker, options)
      return (entry.promise ??= Promise.resolve(entry.object))
    }
    const refusal = this.#stock.refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const { signal, priority = 0, timeoutMs = this.#options.acquireTimeoutMs } = options ?? {}
    const taker = this.#shelf.takers.ofWaiter(options ?? {})
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#stock.wait(new Waiter(resolve, reject, { priority, timeoutMs, taker }), signal)
    return promise
  }

  /**
   * Takes a lent object back.
   * @throws {TypeError} when the object is not on loan from this pool: foreign, or returned already
   */
  release(object: T): void {
    const entry = this.#shelf.takeBack(object)
    if (this.#resets) this.#reset(entry)
    else if (!this.#shelf.tryPut(entry)) this.#stock.place(entry)
  }

  /**
   * Takes a lent object out of the pool for good, because it is broken. The cause goes to the option `destroy`.
   * @throws {TypeError} when the object is not on loan from this pool
   */
  destroy(object: T, cause?: unknown): void {
    this.#stock.end(this.#shelf.takeBack(object), 'broken', cause)
  }

  /** `acquire` as a lease. Rejects as `acquire` does. */
  async lease(options?: AcquireOptions): Promise<Lease<T>> {
    const object = await this.acquire(options)
    return new PoolLease(this.#shelf.entryOf(object)!, this.#returnLease)
  }

  /** Runs `work` with a lent object and returns the object whatever happens. Rejects as `acquire` does. */
  async use<R>(work: (object: T) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    const entry = options === undefined ? this.#shelf.lendNext() : undefined
    const lease = entry ? new PoolLease(entry, this.#returnLease) : await this.lease(options)
    try {
      return await work(lease.value)
    } finally {
      lease[Symbol.dispose]()
    }
  }

  /**
   * Creates objects until `count` are there, and resolves then.
   * @throws {PoolError} POOL_CREATE_FAILED when one could not be created, POOL_CLOSED
   */
  async warm(count: number = this.#stock.minSize, { signal }: WarmOptions = {}): Promise<void> {
    checkInteger('count', count, 0)
    const { maxSize } = this.#stock
    if (count > maxSize) throw new RangeError(`count must be at most ${maxSize}, got ${count}`)
    if (this.#closed !== undefined) throw this.#stock.error('POOL_CLOSED', 'the pool is closed')
    const failure = await within(this.#stock.warm(count), { signal })
    if (failure !== undefined) throw failure
  }

  /** Changes the bounds. Idle objects beyond the new `maxSize` go at once, lent ones when they come back. */
  resize(sizes: ResizeOptions): void {
    checkObject('sizes', sizes)
    const { minSize = this.#stock.minSize, maxSize = this.#stock.maxSize } = sizes
    checkSizes(minSize, maxSize)
    this.#stock.resize(minSize, maxSize)
  }

  /** Destroys the idle objects. */
  clear(): void {
    this.#stock.endIdle('cleared')
  }

  /**
   * Lends no more and waits until every object is back and destroyed, at most until the deadline. Callers that
   * wait already are served or, on demand, rejected with POOL_CLOSED. An object that comes back later is
   * destroyed then.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    checkClose(options)
    const { deadlineMs = 10_000, waiters = 'serve' } = options
    if (this.#closed !== undefined) {
      if (waiters === 'reject') this.#stock.rejectWaiters()
      void this.#stock.becomeQuiet(deadlineMs)
      return this.#closed
    }
    const { promise, resolve } = Promise.withResolvers<CloseReport>()
    this.#closed = promise
    resolve(this.#close(deadlineMs, waiters))
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Who has an object now, the oldest loan first. */
  holders(): readonly Holder[] {
    return this.#stock.holders()
  }

  stats(): PoolStats {
    return this.#stock.stats()
  }

  #reset(entry: Entry<T>): void {
    try {
      const { reset, hookTimeoutMs } = this.#options
      const done = reset?.(entry.object)
      if (!isThenable(done)) return this.#stock.place(entry)
      within(done, { timeoutMs: hookTimeoutMs }).then(
        () => this.#stock.place(entry),
        (cause: unknown) => this.#stock.end(entry, 'reset-failed', cause),
      )
    } catch (cause) {
      this.#stock.end(entry, 'reset-failed', cause)
    }
  }

  async #close(deadlineMs: number, waiters: 'serve' | 'reject'): Promise<CloseReport> {
    const startedAt = performance.now()
    this.#stock.beginClosing(waiters)
    const closed = await this.#stock.becomeQuiet(deadlineMs)
    this.#stock.finishClosing()
    this.#unregister()
    return Object.freeze({
      closed,
      ms: performance.now() - startedAt,
      holders: Object.freeze(this.holders()),
    })
  }
}

let unnamed = 0
