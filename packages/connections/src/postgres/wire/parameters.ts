import { prepareValue } from './pg.ts'

/** A value as it is sent: text, a number's text, bytes, or nothing for NULL. */
export type Parameter = string | number | Uint8Array | null | undefined

/**
 * Turns a statement's values into what is sent for them, by pg's rules: dates, arrays, JSON, `toPostgres`. This is
 * done before anything is written, because a value's own conversion may throw, or say something on the same
 * connection.
 */
export function parametersOf(values: readonly unknown[]): readonly Parameter[] {
  for (const value of values) {
    if (!isParameter(value)) return values.map((each) => (isParameter(each) ? each : prepareValue(each)))
  }
  return values as readonly Parameter[]
}

function isParameter(value: unknown): value is Parameter {
  return typeof value === 'string' || typeof value === 'number' || value === null || value === undefined
}
