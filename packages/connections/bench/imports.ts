import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { postgres } from '@code/connections/postgres'
import { Watchdog, type Benchmark, type PostgresServer, type ProcessArm } from '@code/testkit'
import type { Pool } from 'pg'
import { cities, citiesAsText, columns, createCities } from './cities.ts'
import { newPgPool } from './contenders.ts'
import type { Extent } from './extent.ts'
import { execute } from './points.ts'
import { findPsql } from './psql.ts'

/** Rows into a table: in big INSERTs, by COPY from objects of ours, and by psql's COPY of a ready-made file. */
export async function measureImports(
  suite: Benchmark,
  server: PostgresServer,
  extent: Extent,
): Promise<void> {
  await execute(server.url, createCities)
  await measureSpeed(suite, server, extent)
  await measureMemory(suite, server.url, extent.copiedRows)
}

async function measureSpeed(suite: Benchmark, server: PostgresServer, extent: Extent): Promise<void> {
  const rows = extent.copiedRows
  const pool = newPgPool(server.url)
  const db = postgres({ connectionString: server.url, maxSize: 10 }).open()
  await using watchdog = new Watchdog()
  const file = join(await watchdog.makeFolder('code-cities'), 'cities.txt')
  await writeFile(file, citiesAsText(rows))
  const psql = await findPsql(server)
  if (psql === undefined) console.log("no psql beside the server's program: imports are measured without it")

  const title = `import of ${rows} rows with 6 columns`
  const imported = async (work: () => Promise<number>): Promise<{ rowsPerSecond: number }> => {
    await pool.query('truncate cities')
    const ms = await work()
    await checkCities(pool, rows)
    return { rowsPerSecond: (rows / ms) * 1_000 }
  }
  const measured = await suite.samples<string, 'rowsPerSecond'>({
    title,
    rounds: extent.rounds,
    arms: {
      'pg.Pool, 1,000 rows an INSERT': () => imported(() => timed(() => insertInBatches(pool, rows))),
      ...(psql && {
        'psql, \\copy from a file': () => imported(async () => (await psql('cities', file)).ms),
      }),
      ours: () => imported(() => timed(() => db.copyFrom('cities', columns, cities(rows)))),
    },
    higherIsBetter: ['rowsPerSecond'],
  })
  const ours = { in: measured, metric: 'rowsPerSecond', arm: 'ours' } as const
  suite.atLeast({ ...ours, value: 200_000 })
  if (psql !== undefined) {
    const claim = 'it turns values into text and sends them almost as fast as psql sends finished text'
    suite.atLeast({ ...ours, timesBetterThan: 0.9, than: 'psql, \\copy from a file', claim })
  }
  await pool.end()
  await db.close()
}

/** Four times the rows: what is kept must not grow, and the process not much. */
async function measureMemory(suite: Benchmark, url: string, rows: number): Promise<void> {
  const arm = (count: number, ...flags: string[]): ProcessArm => ({
    file: new URL('copy-memory.mjs', import.meta.url),
    args: [String(count)],
    // Sources or dist: as this process has it.
    execArgv: [...process.execArgv, ...flags],
    env: { DATABASE_URL: url },
  })
  const flat = { arm: 'four times', than: 'once', timesBetterThan: 1 / 1.2 } as const
  const claim = 'flat: at most 1.2 times the memory for four times the rows'
  const peak = await suite.processes({
    title: `memory of a process that copies ${rows} rows, or four times as many`,
    arms: { once: arm(rows), 'four times': arm(4 * rows) },
  })
  suite.atLeast({ in: peak, metric: 'peakRssBytes', ...flat, claim })
  const live = await suite.processes({
    title: `what is in use while ${rows} rows are copied, or four times as many, garbage collected on the way`,
    arms: { once: arm(rows, '--expose-gc'), 'four times': arm(4 * rows, '--expose-gc') },
  })
  suite.atLeast({ in: live, metric: 'liveBytes', ...flat, claim })
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function insertInBatches(pool: Pool, rows: number): Promise<void> {
  let values: unknown[] = []
  const flush = async (): Promise<void> => {
    const groups = Array.from({ length: values.length / columns.length }, (_, row) => {
      const places = columns.map((_, column) => `$${row * columns.length + column + 1}`)
      return `(${places.join(', ')})`
    })
    await pool.query(`insert into cities values ${groups.join(', ')}`, values)
    values = []
  }
  for (const city of cities(rows)) {
    values.push(...city)
    if (values.length === 1_000 * columns.length) await flush()
  }
  if (values.length > 0) await flush()
}

async function checkCities(pool: Pool, rows: number): Promise<void> {
  const { rows: found } = await pool.query<{ rows: number; right: number }>(
    `select count(*)::int as rows,
      (count(*) filter (where name = 'city ' || id and lat = id / 4000.0 and lon = -id / 2000.0
        and country = 'DK' and people = id % 100000))::int as right
    from cities`,
  )
  const [{ rows: all, right } = { rows: 0, right: 0 }] = found
  if (all !== rows || right !== rows)
    throw new Error(`of ${rows} rows ${all} arrived, ${right} of them right`)
}
