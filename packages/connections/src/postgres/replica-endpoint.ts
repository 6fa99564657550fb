import { checkArray, describe } from '../check.ts'
import type { CheckedOptions, PostgresEndpoint } from './options.ts'

/** @throws {TypeError} */
export function checkReplicas(replicas: readonly (string | PostgresEndpoint)[]): void {
  checkArray('replicas', replicas)
  for (const replica of replicas) {
    if (typeof replica === 'string' ? replica !== '' : typeof replica === 'object' && replica !== null)
      continue
    throw new TypeError(
      `each of replicas must be a connection string or { host, port, … }, got ${describe(replica)}`,
    )
  }
}

/** The options of a replica's own pool: the primary's, for what the replica's do not say. */
export function replicaOptions(primary: CheckedOptions, replica: string | PostgresEndpoint): CheckedOptions {
  const common = { ...primary, name: undefined, replicas: undefined, isReplica: true }
  if (typeof replica === 'string') return { ...common, connectionString: replica }
  const given = Object.fromEntries(Object.entries(replica).filter(([, value]) => value !== undefined))
  const { connectionString } = primary
  if (connectionString === undefined || replica.connectionString !== undefined) return { ...common, ...given }
  return { ...common, ...given, connectionString: redirected(connectionString, replica) }
}

/** A connection string with other parts. As parameters they win over what stands before. */
function redirected(connectionString: string, replica: PostgresEndpoint): string {
  if (!URL.canParse(connectionString)) {
    throw new TypeError('each of replicas must be a connection string, as the one of the primary is no URL')
  }
  const url = new URL(connectionString)
  const { database, password } = replica
  if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`
  for (const part of ['host', 'port', 'user'] as const) {
    if (replica[part] !== undefined) url.searchParams.set(part, String(replica[part]))
  }
  if (typeof password === 'string') url.searchParams.set('password', password)
  else if (password !== undefined) url.password = ''
  return url.href
}
