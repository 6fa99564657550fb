import pg, { Client, DatabaseError, types } from 'pg'
import type { PostgresTypes } from '../options.ts'

// All that is taken of pg, here and nowhere else: its log-in, its error class, and how it turns values into text and
// text into values, so that services find what they know.
export { Client, DatabaseError }

/** The parsers of each type, with what the service has set among them. */
export const pgTypes: PostgresTypes = types

interface Utils {
  readonly prepareValue: (value: unknown) => string | Uint8Array | null | undefined
}

/** Turns a value into what is sent for it: dates, arrays, JSON, `toPostgres`. */
export const prepareValue: Utils['prepareValue'] = (value) => utils.prepareValue(value)

const { utils } = pg as unknown as { readonly utils: Utils }
