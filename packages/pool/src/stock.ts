import { Ageing } from './ageing.ts'
import { Creator } from './creator.ts'
import { Destroyer } from './destroyer.ts'
import { PoolError, type PoolErrorCode } from './errors.ts'
import type { CheckedOptions, DestroyReason } from './options.ts'
import { holderOf, type Holder, type PoolStats } from './report.ts'
import { Incidents } from './incidents.ts'
import type { Entry } from './entry.ts'
import { Shelf } from './shelf.ts'
import { Validator } from './validator.ts'
import { WaiterQueue, type Waiter } from './waiter-queue.ts'
import { WarmUps } from './warm-ups.ts'

/**
 * The objects of a pool and the callers who want them: brings the two together, makes objects as long as
 * callers are left over, and ends what has no place.
 */
export class Stock<T extends object> {
  readonly shelf: Shelf<T>
  readonly #pool: string
  readonly #options: CheckedOptions<T>
  readonly #waiters: WaiterQueue<T>
  readonly #validator: Validator<T>
  readonly #creator: Creator<T>
  readonly #destroyer: Destroyer<T>
  readonly #ageing: Ageing<T>
  readonly #incidents: Incidents
  readonly #warmUps = new WarmUps()
  readonly #ended: PromiseWithResolvers<boolean> = Promise.withResolvers()

  #minSize: number
  #maxSize: number
  #serving = false
  #closing = false

  constructor(pool: string, options: CheckedOptions<T>) {
    this.#pool = pool
    this.#options = options
    this.#minSize = options.minSize
    this.#maxSize = options.maxSize
    this.#waiters = new WaiterQueue({
      onTimeout: (waiters) => this.#timeOut(waiters),
      onAbort: () => this.#serve(),
    })
    this.#validator = new Validator(options, (entry, valid, cause) => {
      if (valid) this.#lendToNext(entry)
      else this.end(entry, 'invalid', cause)
    })
    this.shelf = new Shelf(pool, options, this.#validator)
    this.#destroyer = new Destroyer(pool, options.destroy, options.hookTimeoutMs, () => this.#serve())
    this.#creator = new Creator(pool, options, {
      onObject: (object) => {
        this.#lendToNext(this.#admit(object))
        this.#serve()
      },
      onLate: (object) => this.#destroyer.destroy(object, 'late'),
      onFailure: (failure) => this.#onCreateFailed(failure),
      onRetry: () => this.#serve(),
    })
    this.#incidents = new Incidents(pool, options.onLeak)
    this.#ageing = new Ageing(options, {
      entries: () => this.shelf.entries(),
      onLeak: (entry) => this.#incidents.leak(holderOf(entry)),
      onOld: (entry, reason) => this.#evict(entry, reason),
    })
    if (options.preCreate) queueMicrotask(() => this.#serve())
  }

  get minSize(): number {
    return this.#minSize
  }

  get maxSize(): number {
    return this.#maxSize
  }

  /** Why nobody may wait now, if so. */
  refusal(): PoolError | undefined {
    if (this.#closing) return this.error('POOL_CLOSED', 'the pool is closed')
    const waiting = this.#waiters.size
    const { maxWaiting } = this.#options
    if (waiting < maxWaiting || waiting - this.#coming < maxWaiting || this.shelf.idle > 0) return undefined
    return this.error('POOL_QUEUE_FULL', `${waiting} callers wait already`)
  }

  /** Puts a caller in the line. */
  wait(waiter: Waiter<T>, signal: AbortSignal | undefined): void {
    this.shelf.isOpen = false
    this.#waiters.push(waiter, signal)
    if (this.shelf.idle > 0 || this.#hasRoom) this.#serve()
  }

  /** Finds a place for an object that nobody has. */
  place(entry: Entry<T>): void {
    if (this.shelf.tryPut(entry)) return
    if (this.#closing && this.#waiters.size === 0) return this.end(entry, 'closed')
    if (this.#owned > this.#maxSize) return this.end(entry, 'resized')
    if (entry.loan === entry.lastLoan)
      return this.end(entry, this.#ageing.isOver(entry) ? 'expired' : 'worn-out')
    if (this.#waiters.size > 0 && this.#options.validate === undefined) this.#lendToNext(entry)
    else this.shelf.put(entry)
    if (this.#waiters.size === 0 || this.shelf.idle > 0) this.#serve()
  }

  end(entry: Entry<T>, reason: DestroyReason, cause?: unknown): void {
    this.shelf.remove(entry)
    if (this.shelf.size === 0) this.#ageing.stop()
    this.#destroyer.destroy(entry.object, reason, cause)
    this.#serve()
  }

  endIdle(reason: DestroyReason): void {
    for (const entry of this.shelf.takeAll()) this.end(entry, reason)
  }

  /** Creates until `count` are there. Resolves then, or to the first failure. */
  warm(count: number): Promise<PoolError | undefined> {
    const warmed = this.#warmUps.add(count)
    this.#serve()
    return warmed
  }

  resize(minSize: number, maxSize: number): void {
    this.#minSize = minSize
    this.#maxSize = maxSize
    while (this.#owned > maxSize && this.shelf.idle > 0) this.end(this.shelf.takeOldest()!, 'resized')
    this.#serve()
  }

  /** From now on what comes back is ended, once those who wait already have been served or rejected. */
  beginClosing(waiters: 'serve' | 'reject'): void {
    this.#closing = true
    this.shelf.isOpen = false
    this.#ageing.stop()
    this.#warmUps.fail(this.error('POOL_CLOSED', 'the pool was closed while it was warmed'))
    if (waiters === 'reject') this.rejectWaiters()
    if (this.#waiters.size === 0) this.#abortCreations()
    this.endIdle('closed')
  }

  /** Resolves to true when nothing is alive or awaited any more, to false at the deadline. */
  becomeQuiet(deadlineMs: number): Promise<boolean> {
    const deadline = setTimeout(() => this.#ended.resolve(false), deadlineMs)
    this.#checkQuiet()
    return this.#ended.promise.finally(() => clearTimeout(deadline))
  }

  rejectWaiters(): void {
    this.#waiters.rejectAll(this.error('POOL_CLOSED', 'the pool was closed while the caller waited'))
    this.#serve()
  }

  /** Gives up what is left. */
  finishClosing(): void {
    this.rejectWaiters()
    this.#abortCreations()
    this.#waiters.stop()
    this.#creator.stop()
  }

  holders(): readonly Holder[] {
    return this.shelf.holders()
  }

  stats(): PoolStats {
    return Object.freeze({
      size: this.shelf.size,
      maxSize: this.#maxSize,
      minSize: this.#minSize,
      idle: this.shelf.idle,
      inUse: this.shelf.inUse,
      creating: this.#creator.pending,
      waiting: this.#waiters.size,
      created: this.#creator.created,
      destroyed: this.#destroyer.destroyed,
      timeouts: this.#incidents.timeouts,
      leaks: this.#incidents.leaks,
      createFailures: this.#creator.failed,
      destroyFailures: this.#destroyer.failed,
    })
  }

  error(code: PoolErrorCode, message: string, cause?: unknown): PoolError {
    return new PoolError(code, `${this.#pool}: ${message}`, cause === undefined ? undefined : { cause })
  }

  /** Objects that can be lent, now or later. */
  get #owned(): number {
    return this.shelf.size + this.#creator.pending
  }

  /** Those and the ones that are not gone yet: a connection that is closing still counts at its server. */
  get #alive(): number {
    return this.#owned + this.#destroyer.pending
  }

  /** How many more objects there can be now, those being created included. */
  get #coming(): number {
    const { pending, paused } = this.#creator
    return paused ? pending : Math.max(0, this.#maxSize - this.shelf.size - this.#destroyer.pending)
  }

  /** How many creations would be of use now. */
  get #wanted(): number {
    const toLend = this.#waiters.size - this.#validator.pending
    if (this.#closing) return toLend
    const floor = Math.max(this.#warmUps.target, this.#options.preCreate ? this.#minSize : 0)
    return Math.max(toLend, floor - this.shelf.size)
  }

  get #hasRoom(): boolean {
    const { pending, paused } = this.#creator
    return !paused && pending < (this.#options.maxCreating ?? Infinity) && this.#alive < this.#maxSize
  }

  #admit(object: T): Entry<T> {
    const entry = this.shelf.add(object, this.#ageing.diesAt())
    if (!this.#closing) this.#ageing.start()
    return entry
  }

  /**
   * Gives waiting callers what is idle, then creates for those who are left. What it does may call it again;
   * the outermost call goes on until nothing is left to do.
   */
  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    do {
      while (this.#waiters.size > this.#validator.pending) {
        const entry = this.shelf.take()
        if (entry === undefined) break
        if (this.#validator.isValid(entry)) this.#lendToNext(entry)
      }
      while (this.#wanted > this.#creator.pending && this.#hasRoom) void this.#creator.create()
    } while (this.#waiters.size > this.#validator.pending && this.shelf.idle > 0)
    this.#serving = false
    this.shelf.isOpen = this.#waiters.size === 0 && !this.#closing && this.#owned <= this.#maxSize
    // A pool that was made smaller is as warm as it can be when it is full.
    this.#warmUps.onSize(this.shelf.size < this.#maxSize ? this.shelf.size : Infinity)
    if (this.#closing && this.#waiters.size === 0) {
      this.endIdle('closed')
      if (this.#creator.pending > 0) this.#abortCreations()
    }
    this.#checkQuiet()
  }

  #lendToNext(entry: Entry<T>): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) return this.place(entry)
    this.shelf.lend(entry, waiter)
    waiter.resolve(entry.object)
  }

  /** Waiting callers are rejected only when no live object could come back to them. */
  #onCreateFailed(failure: PoolError): void {
    this.#warmUps.fail(failure)
    if (this.#owned === 0) this.#waiters.rejectAll(failure)
    this.#checkQuiet()
  }

  #evict(entry: Entry<T>, reason: 'expired' | 'idle'): void {
    if (reason === 'idle' && this.shelf.size <= this.#minSize) return
    if (this.shelf.takeWhere((each) => each === entry) !== undefined) this.end(entry, reason)
  }

  #timeOut(waiters: readonly Waiter<T>[]): void {
    this.shelf.takers.watch()
    const stats = this.stats()
    const oldest = this.shelf.oldestHolder()
    const { lastFailure } = this.#creator
    for (const waiter of waiters) {
      waiter.reject(this.#incidents.timeout(waiter.waitedMs, stats, oldest, lastFailure))
    }
    this.#serve()
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
