import { AsyncLRUCache, TieredCache } from '@code/cache-tiers'
import { ConnectionPoolManager } from '@code/connections'
import { getHttpSession } from '@code/connections/http'
import { postgres } from '@code/connections/postgres'
import { GcMonitor, LifecycleManager, optimizeGc } from '@code/gc'
import { LazyImporter } from '@code/lazy'
import { getHealthMonitor, getMetricsCollector } from '@code/monitoring'
import { startMonitoringServer } from '@code/monitoring/server'
import { ObjectPool } from '@code/pool'
import { ExpertClient, type Sources } from './expert-client.ts'
import { followImports } from './follow-imports.ts'
import { findPlacesSql, findPlacesValues, type Place } from './places.ts'
import { Problem } from './problem.ts'
import type { Question } from './question.ts'
import { regionPath, type Region } from './region.ts'
import { cachedAnswers, cachedForMs, questionLimitMs, type Service, type ServiceOptions } from './service.ts'
import { showSlowStatements } from './slow-statements.ts'
import { writeSpreadsheet, type Exceljs } from './spreadsheet.ts'

const exceljs = new LazyImporter(import.meta).importModule<Exceljs>('exceljs')

/** The service composed of our packages. */
export async function openComposed({ databaseUrl, atlasUrl, cache }: ServiceOptions): Promise<Service> {
  for (const { message } of optimizeGc().warnings) console.error(message)
  // First, so that a signal during the start closes what there is by then.
  const lifecycle = new LifecycleManager({ name: 'experts' })
  lifecycle.installSignalHandlers({ deadlineMs: 4000 })

  const connections = lifecycle.add(
    new ConnectionPoolManager().configurePool(
      'postgres',
      postgres({
        connectionString: databaseUrl,
        // Statements share connections: four carry more of them than this process can ask, and the fewer of the
        // server's processes have work at once, the more of a shared machine is left for this one. The fifth listens.
        minSize: 4,
        maxSize: 5,
        // Nothing is waited for longer than a question is.
        connectTimeoutMs: questionLimitMs,
        acquireTimeoutMs: questionLimitMs,
        statementTimeoutMs: questionLimitMs,
        leakAfterMs: questionLimitMs,
        slowMs: questionLimitMs / 4,
      }),
    ),
    { name: 'connections' },
  )
  const atlas = lifecycle.add(getHttpSession(atlasUrl, { maxConnections: 10 }), { name: 'atlas' })
  const clients = lifecycle.add(
    new ObjectPool({ name: 'experts', maxSize: 16, create: () => new ExpertClient() }),
  )
  const memory = new AsyncLRUCache({ name: 'answers-memory', maxSize: cachedAnswers })
  const answers = lifecycle.add(new TieredCache({ name: 'answers', l1: memory }))
  await connections.warm()

  const database = connections.pool('postgres')
  // Answers from before an import are wrong after it.
  await lifecycle.add(
    followImports(database, () => memory.clear()),
    { name: 'imports' },
  )
  const sources: Sources = {
    async findPlaces(text, signal) {
      return (await database.query<Place>(findPlacesSql, findPlacesValues(text), { signal })).rows
    },
    async describeRegion(country, region, signal) {
      return (await atlas.get(regionPath(country, region), { signal })).json<Region>()
    },
  }
  // One limit for the whole question, whatever it waits for. Not AbortSignal.timeout: it fires, and makes an
  // error, for questions answered long ago too.
  const compute = async (question: Question): Promise<Buffer> => {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(tookTooLong()), questionLimitMs)
    try {
      const { signal } = limit
      return await clients.use((client) => client.ask(question, sources, signal), { signal })
    } finally {
      clearTimeout(timer)
    }
  }

  const metrics = getMetricsCollector()
  metrics.describe('experts_question_seconds', { help: 'Time to answer one question.', unit: 'seconds' })
  lifecycle.add(showSlowStatements(metrics), { name: 'slow statements', phase: 'telemetry' })
  const health = getHealthMonitor()
  health.register('postgres', () => database.health({ timeoutMs: 1000 }), { critical: true, timeoutMs: 1500 })
  health.register('lifecycle', () => lifecycle.ready, { critical: true })
  lifecycle.add(new GcMonitor(), { phase: 'telemetry' }).start()
  const monitoring = await lifecycle.add(startMonitoringServer({ port: 0 }), {
    name: 'monitoring',
    phase: 'telemetry',
  })

  return {
    monitoringUrl: monitoring.url,
    async answer(question) {
      const started = performance.now()
      const answer = cache
        ? await answers.getOrCompute(`${question.expert}:${question.text}`, () => compute(question), {
            ttlMs: cachedForMs,
          })
        : await compute(question)
      metrics.histogram('experts_question_seconds', (performance.now() - started) / 1000)
      return answer
    },
    cacheCounts() {
      const stats = answers.stats()
      return { hits: stats['l1.hits'], misses: stats['l1.misses'] }
    },
    spreadsheet: (answer) => writeSpreadsheet(exceljs, answer),
    lifecycle,
    async [Symbol.asyncDispose]() {
      await lifecycle.close()
    },
  }
}

function tookTooLong(): Problem {
  return new Problem(503, 'Try again soon', `the answer took longer than ${questionLimitMs} ms`)
}
