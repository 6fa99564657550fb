import type { ClientSource } from './line-supply.ts'
import type { LoneRunner } from './outcomes.ts'

/** What the multiplexer asks of its pool. */
export interface MultiplexerHost extends ClientSource, LoneRunner {
  /** How many callers wait for a connection of their own. */
  readonly wanted: number
  /** Who has the connections, for a caller who waited in vain. */
  explainWait(): string
  /** Whether after this failure to connect it is worth waiting for the server. */
  mayPass(error: unknown): boolean
}
