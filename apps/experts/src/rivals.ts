import exceljs from 'exceljs'
import { createPool } from 'generic-pool'
import { LRUCache } from 'lru-cache'
import { Pool as DatabasePool } from 'pg'
import { Pool as HttpPool } from 'undici'
import { ExpertClient, type Sources } from './expert-client.ts'
import { findPlacesSql, findPlacesValues, type Place } from './places.ts'
import type { Question } from './question.ts'
import { regionPath, type Region } from './region.ts'
import { cachedAnswers, cachedForMs, questionLimitMs, type Service, type ServiceOptions } from './service.ts'
import { writeSpreadsheet } from './spreadsheet.ts'

/** The service as a competent team writes it today: pg.Pool, undici, generic-pool, lru-cache. */
export function openRivals({ databaseUrl, atlasUrl, cache }: ServiceOptions): Service {
  const database = new DatabasePool({
    connectionString: databaseUrl,
    max: 10,
    connectionTimeoutMillis: questionLimitMs,
    query_timeout: questionLimitMs,
  })
  database.on('error', (error) => console.error(`an idle connection was lost: ${error.message}`))
  const atlas = new HttpPool(atlasUrl, { connections: 10 })
  const clients = createPool(
    { create: () => Promise.resolve(new ExpertClient()), destroy: () => Promise.resolve() },
    { max: 16, acquireTimeoutMillis: questionLimitMs },
  )
  const sources: Sources = {
    async findPlaces(text) {
      const query = { name: 'find-places', text: findPlacesSql, values: findPlacesValues(text) }
      return (await database.query<Place>(query)).rows
    },
    async describeRegion(country, region) {
      const { body } = await atlas.request({ path: regionPath(country, region), method: 'GET' })
      return (await body.json()) as Region
    },
  }
  const compute = (question: Question): Promise<Buffer> =>
    Promise.resolve(clients.use((client) => client.ask(question, sources)))
  let hits = 0
  let misses = 0
  const answers = new LRUCache<string, Buffer, Question>({
    max: cachedAnswers,
    ttl: cachedForMs,
    fetchMethod: (_key, _stale, { context }) => {
      misses++
      return compute(context)
    },
  })
  return {
    async answer(question) {
      if (!cache) return await compute(question)
      const before = misses
      const answer = await answers.fetch(`${question.expert}:${question.text}`, { context: question })
      if (misses === before) hits++
      return answer!
    },
    spreadsheet: (answer) => writeSpreadsheet(exceljs, answer),
    cacheCounts: () => ({ hits, misses }),
    async [Symbol.asyncDispose]() {
      await clients.drain()
      await clients.clear()
      await Promise.all([database.end(), atlas.close()])
    },
  }
}
