import { ConnectionsError } from '../../errors.ts'
import { serverError } from '../wire/server-error.ts'

/** The server's own words where it refused a statement: what libraries for pg look at is in them. */
export function asPgError(error: unknown): unknown {
  if (!(error instanceof ConnectionsError) || error.code !== 'CONNECTIONS_QUERY') return error
  const fromServer = serverError(error.cause)
  if (fromServer === undefined) return error
  // It was made where the answer was read; here, its stack names those who await the query.
  Error.captureStackTrace(fromServer)
  return fromServer
}

/** What somebody hears who asks for what only pg itself has. */
export function refused(what: string, instead: string): TypeError {
  return new TypeError(`${what} needs a connection of pg's own, which this is not: use ${instead}`)
}
