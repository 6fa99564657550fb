import { ConnectionsError } from '../errors.ts'
import { queryChannel, type QueryMessage } from '../telemetry.ts'

/** The counts of a pool that its statements raise. */
export interface StatementCounts {
  statements: number
  failures: number
}

/** Counts the statements that have a connection for themselves, and tells on the channel how each ended. */
export class StatementLog {
  readonly #pool: string
  readonly #counts: StatementCounts

  constructor(pool: string, counts: StatementCounts) {
    this.#pool = pool
    this.#counts = counts
  }

  /** Counts a statement. Gives when it began, if anybody wants to know. */
  begin(): number | undefined {
    this.#counts.statements++
    return queryChannel.hasSubscribers ? performance.now() : undefined
  }

  done(startedAt: number | undefined, rows: number): void {
    this.#tell(startedAt, rows, true, undefined)
  }

  failed(startedAt: number | undefined, error: unknown, rows = 0): void {
    this.#counts.failures++
    this.#tell(startedAt, rows, false, error instanceof ConnectionsError ? error.code : undefined)
  }

  #tell(startedAt: number | undefined, rows: number, ok: boolean, code: string | undefined): void {
    if (startedAt === undefined || !queryChannel.hasSubscribers) return
    const ms = performance.now() - startedAt
    queryChannel.publish({
      pool: this.#pool,
      ms,
      ok,
      lane: 'exclusive',
      rows,
      code,
    } satisfies QueryMessage)
  }
}
