import type { ConnectionOptions } from 'node:tls'
import type { CheckedOptions } from '../options.ts'
import type { PgQuery } from './pg-query.ts'
import { Client } from '../wire/pg.ts'

/** The options of a `pg.Pool` that libraries read: where the server is, and how many connections there may be. */
export interface PgPoolOptions {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly database: string | undefined
  /** Not enumerable, as in pg: it does not show in a log. */
  readonly password?: string | (() => string | Promise<string>) | undefined
  readonly ssl: boolean | ConnectionOptions
  readonly max: number
  readonly min: number
  readonly connectionTimeoutMillis: number
  readonly idleTimeoutMillis: number
  readonly maxUses: number
  readonly maxLifetimeSeconds: number
  readonly allowExitOnIdle: boolean
}

/** A client of pg's own, outside of the pool: Kysely interrupts statements with one. */
export type PgControlClient = new (options: object) => {
  connect(): Promise<InstanceType<PgControlClient>>
  end(): Promise<void>
  query: PgQuery
}

export const ControlClient = Client as unknown as PgControlClient

export const escapeIdentifier: (name: string) => string = (name) => Client.prototype.escapeIdentifier(name)
export const escapeLiteral: (text: string) => string = (text) => Client.prototype.escapeLiteral(text)

export function pgPoolOptions(options: CheckedOptions): PgPoolOptions {
  const { connectionString, password, maxSize, minSize, connectTimeoutMs, idleTimeoutMs } = options
  const { host, port, user, database, ssl } = options
  // Never connected: made for what it reads from the connection string and from `PGHOST` and its like.
  const target = new Client({
    connectionString,
    host,
    port,
    user,
    password: password as string,
    database,
    ssl,
  })
  const found = {
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    ssl: target.ssl,
    max: maxSize,
    min: minSize,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxUses: Infinity,
    maxLifetimeSeconds: 0,
    allowExitOnIdle: false,
  }
  return Object.defineProperty(found, 'password', { value: target.password, enumerable: false })
}
