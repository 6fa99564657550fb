import http from 'node:http'
import exceljs from 'exceljs'
import { Client } from 'pg'
import { ExpertClient, type Sources } from './expert-client.ts'
import { findPlacesSql, findPlacesValues, type Place } from './places.ts'
import { regionPath, type Region } from './region.ts'
import type { Service, ServiceOptions } from './service.ts'
import { writeSpreadsheet } from './spreadsheet.ts'

/** The service as it is first written: a client object and connections for every request, nothing kept. */
export function openNaive({ databaseUrl, atlasUrl }: ServiceOptions): Service {
  const sources: Sources = {
    async findPlaces(text) {
      const client = new Client({ connectionString: databaseUrl })
      await client.connect()
      try {
        return (await client.query<Place>(findPlacesSql, findPlacesValues(text))).rows
      } finally {
        await client.end()
      }
    },
    describeRegion: (country, region) => getJson<Region>(atlasUrl + regionPath(country, region)),
  }
  return {
    answer: (question) => new ExpertClient().ask(question, sources),
    spreadsheet: (answer) => writeSpreadsheet(exceljs, answer),
    cacheCounts: () => ({ hits: 0, misses: 0 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** One connection for one request: `agent: false` keeps none. */
function getJson<T>(url: string): Promise<T> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as T))
        response.on('error', reject)
      })
      .on('error', reject)
  })
}
