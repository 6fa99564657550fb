import { ConnectionsError } from '../errors.ts'
import { positionOfReplica, type LagHistory, type WalPosition } from './replica-lag.ts'
import type { PostgresServer } from './postgres-server.ts'

/** Why a statement for a replica went to the primary. */
export type FallbackReason = 'lag' | 'down' | 'conflict'

/** A replica: what is known of it, and what it has to do. */
export class Replica {
  readonly server: PostgresServer
  statements = 0
  inFlight = 0
  /** Why it takes no statements. */
  #problem: string | undefined = 'not asked yet'
  /** Up to when it has everything. */
  #coveredAt = -Infinity
  #replayed: { readonly at: number; readonly position: WalPosition } | undefined
  #failures = 0
  #asking: Promise<void> | undefined

  constructor(server: PostgresServer) {
    this.server = server
  }

  get problem(): string | undefined {
    return this.#problem
  }

  /** How old its data is at most. Infinity when that is not known. */
  lagMs(now: number): number {
    return now - this.#coveredAt
  }

  /** Asks it how far it is. Never rejects. */
  ask(history: LagHistory, timeoutMs: number): Promise<void> {
    return (this.#asking ??= this.#ask(history, timeoutMs).finally(() => (this.#asking = undefined)))
  }

  /** The primary was there at a time: nobody can have replayed more before. */
  compare(at: number, position: WalPosition): void {
    if (this.#replayed === undefined || this.#replayed.at > at || this.#replayed.position <= position) return
    this.forget()
    this.#problem = 'it is ahead of the primary: it is the replica of another'
  }

  /** What was known of its lag does not hold any more. */
  forget(): void {
    this.#coveredAt = -Infinity
    this.#replayed = undefined
  }

  /** Why a statement that failed here may do better on the primary, if it may. */
  failed(error: unknown): FallbackReason | undefined {
    if (!(error instanceof ConnectionsError)) return undefined
    switch (error.code) {
      case 'CONNECTIONS_REFUSED':
        // Until it has answered again.
        this.#problem = error.message
        return 'down'
      case 'CONNECTIONS_LOST':
        return 'down'
      case 'CONNECTIONS_TIMEOUT':
        return error.mayHaveRun ? undefined : 'down'
      case 'CONNECTIONS_QUERY':
        // What reads has no other conflicts than those with what is being replayed.
        return error.sqlState === '40001' || error.sqlState === '40P01' ? 'conflict' : undefined
      default:
        return undefined
    }
  }

  async #ask(history: LagHistory, timeoutMs: number): Promise<void> {
    try {
      const position = await positionOfReplica(this.server, timeoutMs)
      this.#failures = 0
      this.#problem = undefined
      this.#replayed = { at: performance.now(), position }
      this.#coveredAt = Math.max(this.#coveredAt, history.coveredAt(position))
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error)
      // Once may be this process's own standstill. What is there does not have to wait for its limits.
      if (++this.#failures === 2) this.server.abandon(lost(this.server.name, error))
    }
  }
}

function lost(name: string, cause: unknown): ConnectionsError {
  const message = `${name}: the replica does not answer`
  return new ConnectionsError('CONNECTIONS_LOST', message, { cause, mayHaveRun: true })
}
