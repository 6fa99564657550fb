/** Why a connection or what went over it failed. Branch on these, never on `message`. */
export type ConnectionsErrorCode =
  /** The response body passed `maxBodyBytes`. */
  | 'CONNECTIONS_BODY_TOO_LARGE'
  /** The response body is not the JSON that was asked for. */
  | 'CONNECTIONS_BODY_INVALID'
  /** A listener did not keep up with its notifications. */
  | 'CONNECTIONS_BUFFER_FULL'
  /** The pool, session or manager has been closed. */
  | 'CONNECTIONS_CLOSED'
  /** A connection broke while it was in use: whether the server did the work is not known. */
  | 'CONNECTIONS_LOST'
  /** What the server sent is not its protocol: the cause of a CONNECTIONS_LOST. */
  | 'CONNECTIONS_PROTOCOL'
  /** The server refused the statement; `sqlState` says why. */
  | 'CONNECTIONS_QUERY'
  /** Too many callers already wait for a connection. */
  | 'CONNECTIONS_QUEUE_FULL'
  /** No connection could be made. */
  | 'CONNECTIONS_REFUSED'
  /** The result passed `maxResultBytes`. */
  | 'CONNECTIONS_RESULT_TOO_LARGE'
  /** The server rolled a transaction back instead of committing it. */
  | 'CONNECTIONS_ROLLED_BACK'
  /** A statement changed the state of a connection that it shares with others: use a connection or a transaction. */
  | 'CONNECTIONS_SESSION_STATE'
  /** It took longer than its limit. */
  | 'CONNECTIONS_TIMEOUT'
  /** A pool may open more connections than its server takes. */
  | 'CONNECTIONS_TOO_MANY'
  /** A value cannot be written in Postgres's text format. */
  | 'CONNECTIONS_VALUE'

/** An operational failure of a connection. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class ConnectionsError extends Error {
  override readonly name = 'ConnectionsError'
  readonly code: ConnectionsErrorCode
  /** The five characters by which Postgres names an error, where it sent one. */
  readonly sqlState: string | undefined
  /** Whether the server may have done the work, in whole or in part: repeat only what is safe to repeat. */
  readonly mayHaveRun: boolean

  constructor(code: ConnectionsErrorCode, message: string, options?: ConnectionsErrorOptions) {
    super(message, options)
    this.code = code
    this.sqlState = options?.sqlState
    this.mayHaveRun = options?.mayHaveRun ?? false
  }
}

export interface ConnectionsErrorOptions extends ErrorOptions {
  readonly sqlState?: string | undefined
  /** @default false */
  readonly mayHaveRun?: boolean | undefined
}
