import { postgres } from '@code/connections/postgres'

// A process that copies as many rows as its argument says, and does nothing else: what it holds is what that needs.
// Under --expose-gc it also tells the most that was still in use after a collection on the way, which is what the
// copy keeps; the peak of the process has what V8 has not bothered to collect or to give back besides.
const count = Number(process.argv[2])
let liveBytes = 0

function* rows() {
  for (let i = 0; i < count; i++) {
    if (globalThis.gc && i % 50_000 === 0) noteLiveBytes()
    yield [i, `city ${i}`, i / 4000, -i / 2000, 'DK', i % 100_000]
  }
}

function noteLiveBytes() {
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  liveBytes = Math.max(liveBytes, heapUsed + external)
}

const db = postgres({ connectionString: process.env.DATABASE_URL, maxSize: 1 }).open()
await db.query('truncate cities')
const columns = ['id', 'name', 'lat', 'lon', 'country', 'people']
const copied = await db.copyFrom('cities', columns, rows())
const { rows: found } = await db.query('select count(*)::int as rows from cities')
await db.close()
if (copied.rows !== count || found[0].rows !== count)
  throw new Error(`copied ${copied.rows}, found ${String(found[0].rows)}`)
if (globalThis.gc) console.log(JSON.stringify({ liveBytes }))
