/** Why a connection or what went over it failed. Branch on these, never on `message`. */
export type ConnectionsErrorCode =
  /** The response body passed `maxBodyBytes`. */
  | 'CONNECTIONS_BODY_TOO_LARGE'
  /** The response body is not the JSON that was asked for. */
  | 'CONNECTIONS_BODY_INVALID'
  /** The pool, session or manager has been closed. */
  | 'CONNECTIONS_CLOSED'
  /** A connection broke while it was in use: whether the server did the work is not known. */
  | 'CONNECTIONS_LOST'
  /** The server refused the statement; `sqlState` says why. */
  | 'CONNECTIONS_QUERY'
  /** Too many callers already wait for a connection. */
  | 'CONNECTIONS_QUEUE_FULL'
  /** No connection could be made. */
  | 'CONNECTIONS_REFUSED'
  /** The server rolled a transaction back instead of committing it. */
  | 'CONNECTIONS_ROLLED_BACK'
  /** It took longer than its limit. */
  | 'CONNECTIONS_TIMEOUT'
  /** A value cannot be written in Postgres's text format. */
  | 'CONNECTIONS_VALUE'

/** An operational failure of a connection. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class ConnectionsError extends Error {
  override readonly name = 'ConnectionsError'
  readonly code: ConnectionsErrorCode
  /** The five characters by which Postgres names an error, where it sent one. */
  readonly sqlState: string | undefined

  constructor(
    code: ConnectionsErrorCode,
    message: string,
    options?: ErrorOptions & { readonly sqlState?: string | undefined },
  ) {
    super(message, options)
    this.code = code
    this.sqlState = options?.sqlState
  }
}
