import { ConnectionsError } from '../errors.ts'
import { serverError } from './wire/server-error.ts'
import { messageOf } from './wire/wire.ts'

/** Where a failure happened. */
export interface FailedAt {
  readonly pool: string
  /** The statement, or what stands for it. */
  readonly what: string
  /** Whether the connection is of no more use. */
  readonly lost: boolean
  /** Whether it had been sent. */
  readonly mayHaveRun: boolean
}

/** What the caller hears of a failure. What the caller's own rows, values or parsers threw stays theirs. */
export function describeFailure(error: unknown, { pool, what, lost, mayHaveRun }: FailedAt): unknown {
  const fromServer = serverError(error)
  const options = { cause: error, sqlState: fromServer?.code }
  if (lost) {
    const message = `${pool}: the connection was lost: ${messageOf(error)}: ${brief(what)}`
    return new ConnectionsError('CONNECTIONS_LOST', message, { ...options, mayHaveRun })
  }
  if (fromServer === undefined) return error
  const message = `${pool}: ${fromServer.message}: ${brief(what)}`
  return new ConnectionsError('CONNECTIONS_QUERY', message, { ...options, mayHaveRun: mayCommit.test(what) })
}

/** Texts that may have committed a part of their work before they failed. */
const mayCommit = /;\s*[^\s;]|^\s*(call|do)\b/i

export function timeoutOf(pool: string, what: string, timeoutMs: number): ConnectionsError {
  const message = `${pool}: not done after ${Math.round(timeoutMs)} ms: ${brief(what)}`
  return new ConnectionsError('CONNECTIONS_TIMEOUT', message, { mayHaveRun: true })
}

export function waitTimeoutOf(pool: string, waitedMs: number, holders: string): ConnectionsError {
  const message = `${pool}: no connection within ${Math.round(waitedMs)} ms: ${holders}`
  return new ConnectionsError('CONNECTIONS_TIMEOUT', message)
}

export function queueFullOf(pool: string, maxWaiting: number, mayHaveRun: boolean): ConnectionsError {
  const message = `${pool}: ${maxWaiting} callers wait for a connection already`
  return new ConnectionsError('CONNECTIONS_QUEUE_FULL', message, { mayHaveRun })
}

/** A statement that would change, or has changed, what the next statement on its connection finds. */
export function sessionStateOf(pool: string, text: string, mayHaveRun: boolean): ConnectionsError {
  const what = mayHaveRun
    ? 'changed the state of its connection, which is closed for that'
    : 'would change the state of a shared connection'
  const message = `${pool}: a single statement ${what}; use transaction or getConnection: ${brief(text)}`
  return new ConnectionsError('CONNECTIONS_SESSION_STATE', message, { mayHaveRun })
}

/** Whether the plan of a prepared statement no longer fits its tables, or somebody deallocated it. */
export function isStale(error: unknown): boolean {
  const fromServer = error instanceof ConnectionsError ? serverError(error.cause) : undefined
  if (fromServer === undefined) return false
  return fromServer.code === '26000' || fromServer.routine === 'RevalidateCachedQuery'
}

export function brief(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

/** Why no connection could be had, told to one who may have had one before. */
export function unreachable(error: unknown, mayHaveRun: boolean): unknown {
  if (!mayHaveRun || !(error instanceof ConnectionsError)) return error
  const { code, message, cause, sqlState } = error
  return new ConnectionsError(code, message, { cause, sqlState, mayHaveRun })
}
