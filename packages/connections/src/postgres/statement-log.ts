import { ConnectionsError } from '../errors.ts'
import {
  queryChannel,
  retryChannel,
  slowChannel,
  type QueryMessage,
  type RetryMessage,
  type SlowMessage,
} from '../telemetry.ts'

/** The counts of a pool that its statements raise. */
export interface StatementCounts {
  statements: number
  failures: number
  /** Statements that waited for a shared connection in vain. */
  timeouts: number
  /** Transactions and statements run again. */
  retries: number
}

/** Counts a pool's statements, and tells on the channels how each ended and which were slow. */
export class StatementLog {
  readonly counts: StatementCounts = { statements: 0, failures: 0, timeouts: 0, retries: 0 }
  readonly #pool: string
  readonly #slowMs: number

  constructor(pool: string, slowMs: number) {
    this.#pool = pool
    this.#slowMs = slowMs
  }

  /** Whether anybody wants to know how long a statement took. */
  get listened(): boolean {
    return queryChannel.hasSubscribers || slowChannel.hasSubscribers
  }

  /** Counts a statement. Gives when it began, if anybody wants to know. */
  begin(): number | undefined {
    this.counts.statements++
    return this.listened ? performance.now() : undefined
  }

  done(lane: QueryMessage['lane'], text: string, startedAt: number | undefined, rows: number): void {
    if (this.listened) this.#tell(lane, text, startedAt, { ok: true, rows })
  }

  failed(
    lane: QueryMessage['lane'],
    text: string,
    startedAt: number | undefined,
    error: unknown,
    rows = 0,
  ): void {
    this.counts.failures++
    const code = error instanceof ConnectionsError ? error.code : undefined
    if (this.listened) this.#tell(lane, text, startedAt, { ok: false, rows, code })
  }

  /** A statement or transaction is run again: for an SQLSTATE, or because its connection was lost. */
  retried(reason: string): void {
    this.counts.retries++
    if (retryChannel.hasSubscribers) {
      retryChannel.publish({ pool: this.#pool, reason } satisfies RetryMessage)
    }
  }

  #tell(
    lane: QueryMessage['lane'],
    text: string,
    startedAt: number | undefined,
    how: { readonly ok: boolean; readonly rows: number; readonly code?: string | undefined },
  ): void {
    if (startedAt === undefined) return
    const ms = performance.now() - startedAt
    const pool = this.#pool
    if (queryChannel.hasSubscribers) queryChannel.publish({ pool, ms, lane, ...how } satisfies QueryMessage)
    if (ms >= this.#slowMs && slowChannel.hasSubscribers) {
      slowChannel.publish({ pool, text, ms } satisfies SlowMessage)
    }
  }
}
