import { TieredCache } from '@code/cache-tiers'
import { ConnectionPoolManager } from '@code/connections'
import { getHttpSession } from '@code/connections/http'
import { postgres } from '@code/connections/postgres'
import { getHealthMonitor, getMetricsCollector } from '@code/monitoring'
import { startMonitoringServer } from '@code/monitoring/server'
import { ObjectPool } from '@code/pool'
import { ExpertClient, type Sources } from './expert-client.ts'
import { findPlacesSql, findPlacesValues, type Place } from './places.ts'
import { Problem } from './problem.ts'
import type { Question } from './question.ts'
import { regionPath, type Region } from './region.ts'
import { cachedAnswers, cachedForMs, questionLimitMs, type Service, type ServiceOptions } from './service.ts'

/** The service composed of our packages. */
export async function openComposed({ databaseUrl, atlasUrl, cache }: ServiceOptions): Promise<Service> {
  const connections = new ConnectionPoolManager().configurePool(
    'postgres',
    postgres({
      connectionString: databaseUrl,
      minSize: 4,
      maxSize: 10,
      connectTimeoutMs: questionLimitMs,
    }),
  )
  const atlas = getHttpSession(atlasUrl)
  const clients = new ObjectPool({ name: 'experts', maxSize: 16, create: () => new ExpertClient() })
  const answers = new TieredCache({ name: 'answers', l1: { maxSize: cachedAnswers } })
  await connections.warm()

  const database = connections.pool('postgres')
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
  const health = getHealthMonitor()
  health.register('postgres', () => database.query('select 1', [], { timeoutMs: 1000 }), {
    critical: true,
    timeoutMs: 1500,
  })
  const monitoring = await startMonitoringServer({ port: 0 })

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
    async [Symbol.asyncDispose]() {
      await monitoring.close({ deadlineMs: 1000 })
      await answers.close()
      await clients.close({ deadlineMs: 1000 })
      await atlas.close()
      await connections.close({ deadlineMs: 1000 })
    },
  }
}

function tookTooLong(): Problem {
  return new Problem(503, 'Try again soon', `the answer took longer than ${questionLimitMs} ms`)
}
