import { channel } from 'node:diagnostics_channel'
import { postgres } from '@code/connections/postgres'
import { MetricsCollector } from '@code/monitoring'
import { startPostgres } from '@code/testkit'
import { expect, test, vi } from 'vitest'
import { showSlowStatements } from '../src/slow-statements.ts'

test('slow statements are counted, and the first of each second is printed', async () => {
  using print = vi.spyOn(console, 'error').mockReturnValue()
  await using server = await startPostgres()
  await using database = postgres({ connectionString: server.url, name: 'main', slowMs: 20 }).open()
  const metrics = new MetricsCollector()
  {
    using _ = showSlowStatements(metrics)
    await Promise.all([database.query('select\n  pg_sleep(0.03)'), database.query('select pg_sleep(0.03)')])
  }
  expect(channel('code:connections:slow').hasSubscribers).toBe(false)
  expect(metrics.snapshot()).toMatchObject([
    { name: 'experts_slow_statement_seconds', labels: { pool: 'main' }, count: 2 },
  ])
  expect(print.mock.calls).toEqual([[expect.stringMatching(/^main: \d+ ms for select pg_sleep\(0\.03\)$/)]])
})
