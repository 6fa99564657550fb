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
  /** A setting was changed while a copy of it ran. */
  suspected = false
  /** How many copies of it are under way. */
  copies = 0
  /** When the first copy was sent; 0 before. */
  sentAt = 0
  #losses: Losses | undefined
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
    if (this.#losses === undefined) this.#losses = { firstAt: now, onOldLines: 0, onOthers: 1 }
    else if (openedAt <= this.#losses.firstAt) this.#losses.onOldLines++
    else this.#losses.onOthers++
  }

  /**
   * Whether it is worth another try after the loss of a line that was opened then: one event may take all lines
   * that were there, at most `maxLines`.
   */
  mayTryAgain(openedAt: number, maxLines: number): boolean {
    const { firstAt, onOldLines, onOthers } = this.#losses ?? noLosses
    return openedAt <= firstAt ? onOldLines < maxLines : onOthers < mostLosses
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

/** How often a copy was lost with its connection, or refused or cut short for no fault of its own. */
interface Losses {
  readonly firstAt: number
  /** On lines that were open at the first loss. */
  onOldLines: number
  /** The first, and on lines opened since. */
  onOthers: number
}

const noLosses: Losses = { firstAt: -Infinity, onOldLines: 0, onOthers: 0 }
const mostLosses = 2
