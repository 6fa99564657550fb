import { PoolError } from '@code/pool'
import { ConnectionsError } from '../errors.ts'

/** The pool's refusals under this package's codes, about connections; a failed connect as what it was. */
export function asConnectionsError(name: string, error: unknown): unknown {
  if (!(error instanceof PoolError)) return error
  const message = error.message
    .replace('no object within', 'no connection within')
    .replace(' from an unknown line (leakAfterMs makes it known)', '')
    .replace(`, ${name}: creating an object failed`, ', connecting failed')
    .replace('creating an object failed', 'connecting failed')
  const connect = error.cause instanceof PoolError ? error.cause.cause : error.cause
  const origin = connect instanceof ConnectionsError ? connect : undefined
  const options = { cause: origin?.cause ?? error, sqlState: origin?.sqlState }
  switch (error.code) {
    case 'POOL_CREATE_FAILED':
      return new ConnectionsError(origin?.code ?? 'CONNECTIONS_REFUSED', message, options)
    case 'POOL_TIMEOUT':
      return new ConnectionsError('CONNECTIONS_TIMEOUT', message, options)
    case 'POOL_QUEUE_FULL':
      return new ConnectionsError('CONNECTIONS_QUEUE_FULL', message, options)
    default:
      return new ConnectionsError('CONNECTIONS_CLOSED', message, options)
  }
}

/** What a caller hears whose connection is taken at the deadline of a close. */
export function closedError(name: string, mayHaveRun = false): ConnectionsError {
  return new ConnectionsError('CONNECTIONS_CLOSED', `${name}: the pool was closed`, { mayHaveRun })
}
