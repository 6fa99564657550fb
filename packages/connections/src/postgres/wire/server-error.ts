import { endOfText } from './message-reader.ts'
import { DatabaseError } from './pg.ts'

/** What Postgres says of an error, as pg gives it. */
export type ServerError = Error & {
  readonly severity?: string | undefined
  readonly code?: string | undefined
  readonly routine?: string | undefined
}

/** The error as the server sent it, or `undefined` when it is of other making. */
export function serverError(error: unknown): ServerError | undefined {
  return error instanceof DatabaseError ? error : undefined
}

/** Reads an ErrorResponse into the error of pg's that services know. */
export function readError(buffer: Buffer, start: number, end: number): ServerError {
  const fields = readFields(buffer, start, end)
  const error = new DatabaseError(fields['message'] ?? 'an error without a message', end - start + 4, 'error')
  return Object.assign(error, fields)
}

/** What an ErrorResponse or NoticeResponse says, under pg's names. */
export function readFields(buffer: Buffer, start: number, end: number): Record<string, string | undefined> {
  const fields: Record<string, string | undefined> = {}
  for (let at = start; at < end && buffer[at] !== 0;) {
    const name = fieldNames[String.fromCharCode(buffer[at]!)]
    const textEnd = endOfText(buffer, at + 1, end)
    if (name !== undefined) fields[name] = buffer.toString('utf8', at + 1, textEnd)
    at = textEnd + 1
  }
  return fields
}

/**
 * PostgreSQL documentation, "Error and Notice Message Fields". The severity comes twice: S in the server's language,
 * then V, which is the one to judge by.
 */
const fieldNames: Readonly<Record<string, string>> = {
  S: 'severity',
  V: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
}
