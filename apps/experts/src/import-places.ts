import type { PostgresPool } from '@code/connections/postgres'
import { StreamProcessor } from '@code/stream'
import { importsChannel, placeKey } from './places.ts'

/** How an import went. */
export interface ImportReport {
  readonly rows: number
  /** From opening the file to the rows being there for everyone, indexes included. */
  readonly ms: number
  /** The part of it that read, parsed and copied. */
  readonly copyMs: number
}

const columns = ['id', 'key', 'name', 'country', 'region', 'lat', 'lng']

/**
 * Streams a JSON array of cities into `experts.places`. All or nothing: it happens in one transaction beside
 * the old table, which goes only when the new one is complete; who listens to `importsChannel` hears of it.
 *
 * @throws {StreamError} with file, byte offset and reason when the file is not what it should be
 */
export async function importPlaces(
  database: PostgresPool,
  file: string | URL,
  onProgress: (rows: number) => void = () => {},
): Promise<ImportReport> {
  const started = performance.now()
  let copyMs = 0
  const rows = await database.transaction(
    async (connection) => {
      // Two imports at once would race for the schema and the name of the new table.
      await connection.query(`select pg_advisory_xact_lock(hashtext('experts.places'))`)
      await connection.query('create schema if not exists experts')
      await connection.query('create extension if not exists pg_trgm')
      await connection.query('drop table if exists experts.places_new')
      await connection.query(`create table experts.places_new (
      id integer not null, key text collate "C" not null, name text not null, country text not null,
      region text not null, lat float8 not null, lng float8 not null)`)
      const copied = await connection.copyFrom('experts.places_new', columns, placeRows(file, onProgress))
      copyMs = performance.now() - started
      await connection.query(`set local maintenance_work_mem = '256MB'`)
      await connection.query('create index on experts.places_new (key, id)')
      await connection.query('create index on experts.places_new using gin (key gin_trgm_ops)')
      await connection.query('analyze experts.places_new')
      await connection.query('drop table if exists experts.places')
      await connection.query('alter table experts.places_new rename to places')
      await connection.query('select pg_notify($1, $2)', [importsChannel, String(copied.rows)])
      return copied.rows
    },
    { timeoutMs: 120_000 },
  )
  return { rows, ms: performance.now() - started, copyMs }
}

interface City {
  readonly name: string
  readonly country: string
  readonly admin1: string
  readonly lat: number
  readonly lng: number
}

async function* placeRows(file: string | URL, onProgress: (rows: number) => void): AsyncGenerator<unknown[]> {
  let id = 0
  for await (const cities of new StreamProcessor().processFile(file, {
    format: 'json',
    schema: citySchema,
  })) {
    for (const { name, country, admin1, lat, lng } of cities) {
      yield [++id, placeKey(name), name, country, admin1, lat, lng]
    }
    onProgress(id)
  }
}

/** Cities come with their coordinates as strings. */
const citySchema = {
  '~standard': {
    version: 1,
    vendor: 'experts',
    validate(value: unknown): { value: City } | { issues: { message: string }[] } {
      const { name, country, admin1, lat, lng } = (value ?? {}) as Record<string, unknown>
      if (typeof name !== 'string' || typeof country !== 'string' || typeof admin1 !== 'string') {
        return { issues: [{ message: 'a city has a name, a country and an admin1, all strings' }] }
      }
      const [latitude, longitude] = [Number(lat), Number(lng)]
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) {
        return { issues: [{ message: `a city has coordinates, got lat ${String(lat)}, lng ${String(lng)}` }] }
      }
      return { value: { name, country, admin1, lat: latitude, lng: longitude } }
    },
  },
} as const
