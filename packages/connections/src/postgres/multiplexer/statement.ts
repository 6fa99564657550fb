import type { QueryOptions, QueryResult } from '../options.ts'
import type { Profile } from './profile.ts'

/** One call: queued, sent, perhaps sent again, and settled once. */
export class Statement {
  readonly profile: Profile
  readonly values: readonly unknown[] | undefined
  readonly options: QueryOptions
  /** Its place in the order of arrival, kept when it is queued again. */
  readonly order: number
  readonly arrivedAt: number
  readonly #resolve: (result: QueryResult<unknown> | Promise<QueryResult<unknown>>) => void
  readonly #reject: (error: unknown) => void
  settled = false
  /** Given up by its caller: at its limit, or by its signal. */
  expired = false
  queued = false
  /** How many copies of it are under way. */
  copies = 0
  /** When the first copy was sent; 0 before. */
  sentAt = 0
  /** How often a copy of it was lost with its connection, or refused or cut short for no fault of its own. */
  losses = 0
  /** How often that happened on a line that was open at the first loss: what took that one may have taken them all. */
  lossesOnOldLines = 0
  #lostAt: number | undefined
  /** Undoes what watches over its limits. */
  release: (() => void) | undefined

  constructor(
    profile: Profile,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
    order: number,
    arrivedAt: number,
    resolve: (result: QueryResult<unknown> | Promise<QueryResult<unknown>>) => void,
    reject: (error: unknown) => void,
  ) {
    this.profile = profile
    this.values = values
    this.options = options
    this.order = order
    this.arrivedAt = arrivedAt
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Takes note that a copy of it was lost on a line that was opened then. */
  lost(openedAt: number, now: number): void {
    if (this.wasOpenAtLoss(openedAt)) this.lossesOnOldLines++
    else this.losses++
    this.#lostAt ??= now
  }

  /** Whether a line opened then was there when it was lost first. */
  wasOpenAtLoss(openedAt: number): boolean {
    return this.#lostAt !== undefined && openedAt <= this.#lostAt
  }

  get text(): string {
    return this.profile.text
  }

  resolve(result: QueryResult<unknown> | Promise<QueryResult<unknown>>): void {
    this.settled = true
    this.release?.()
    this.#resolve(result)
  }

  reject(error: unknown): void {
    this.settled = true
    this.release?.()
    this.#reject(error)
  }
}
