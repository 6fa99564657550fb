import { fileURLToPath } from 'node:url'
import { getHttpSession } from '@code/connections/http'
import { postgres } from '@code/connections/postgres'
import { benchmark, startPostgres, superviseProcess } from '@code/testkit'
import { Client, Pool } from 'pg'
import { Agent, request } from 'undici'
import { drive } from './drive.ts'

// Point reads and an import against Postgres over SCRAM, and small JSON over HTTP: naive, as competent services do
// it today, and ours. Servers run in processes of their own but share the machine with the client.

const suite = benchmark({ name: 'connections', folder: new URL('./', import.meta.url) })

await using server = await startPostgres()
const connectionString = server.url
const db = postgres({ connectionString, maxSize: 10 }).open()
const pool = new Pool({ connectionString, max: 10 })
await db.query('create table points (id int primary key, v text)')
await db.copyFrom(
  'points',
  ['id', 'v'],
  Array.from({ length: 10_000 }, (_, id) => [id, `value ${id}`]),
)
await db.query('analyze points')

const text = 'select id, v from points where id = $1'
let next = 0
const id = (): number => (next = (next + 7919) % 10_000)

const reads = {
  'a connection per request': async () => {
    const client = new Client({ connectionString })
    await client.connect()
    await client.query(text, [id()])
    await client.end()
  },
  'pg.Pool': () => pool.query(text, [id()]),
  'pg.Pool, named': () => pool.query({ name: 'point', text, values: [id()] }),
  ours: () => db.query(text, [id()]),
}

for (const inFlight of [1, 32]) {
  const measured = await suite.samples({
    title: `point read, ${inFlight} in flight`,
    arms: {
      'a connection per request': () => drive(inFlight, reads['a connection per request']),
      'pg.Pool': () => drive(inFlight, reads['pg.Pool']),
      'pg.Pool, named': () => drive(inFlight, reads['pg.Pool, named']),
      ours: () => drive(inFlight, reads.ours),
    },
    higherIsBetter: ['rps'],
  })
  suite.atLeast({
    in: measured,
    metric: 'p50Ms',
    arm: 'ours',
    timesBetterThan: 10,
    than: 'a connection per request',
    claim: 'the guide: 40 to 60 % less, which is 2.5 times',
  })
  suite.atLeast({ in: measured, metric: 'rps', arm: 'ours', timesBetterThan: 0.95, than: 'pg.Pool' })
  suite.atLeast({ in: measured, metric: 'rps', arm: 'ours', timesBetterThan: 0.9, than: 'pg.Pool, named' })
}

const rows = 200_000
await db.query('create table cities (id int, name text, lat float8, lon float8, country text, people int)')
const columns = ['id', 'name', 'lat', 'lon', 'country', 'people']
function* cities(): Iterable<unknown[]> {
  for (let i = 0; i < rows; i++) yield [i, `city ${i}`, i / 4000, -i / 2000, 'DK', i % 100_000]
}
async function imported(work: () => Promise<unknown>): Promise<{ rowsPerSecond: number }> {
  await db.query('truncate cities')
  const startedAt = performance.now()
  await work()
  return { rowsPerSecond: (rows / (performance.now() - startedAt)) * 1_000 }
}
const imports = await suite.samples({
  title: `import of ${rows} rows with 6 columns`,
  rounds: 3,
  arms: {
    'pg.Pool, 1,000 rows an INSERT': () => imported(insertInBatches),
    ours: () => imported(() => db.copyFrom('cities', columns, cities())),
  },
  higherIsBetter: ['rowsPerSecond'],
})
suite.atLeast({ in: imports, metric: 'rowsPerSecond', arm: 'ours', value: 200_000 })

await pool.end()
await db.close()

const node = await superviseProcess({
  command: process.execPath,
  args: [fileURLToPath(new URL('http-server.mjs', import.meta.url))],
  ready: (line) => line.startsWith('listening on'),
})
const origin = `http://127.0.0.1:${/listening on (\d+)/.exec(node.output())?.[1]}`
const session = getHttpSession(origin, { maxConnections: 32 })
const dispatcher = new Agent({ connections: 32 })

for (const inFlight of [1, 32]) {
  const measured = await suite.samples({
    title: `GET of 200 bytes of JSON, ${inFlight} in flight`,
    arms: {
      'global fetch': () => drive(inFlight, async () => (await fetch(`${origin}/city/1`)).json()),
      'undici.request': () =>
        drive(inFlight, async () => (await request(`${origin}/city/1`, { dispatcher })).body.json()),
      ours: () => drive(inFlight, async () => (await session.get('/city/1')).json()),
    },
    higherIsBetter: ['rps'],
  })
  suite.atLeast({ in: measured, metric: 'rps', arm: 'ours', timesBetterThan: 0.9, than: 'undici.request' })
  suite.atLeast({ in: measured, metric: 'rps', arm: 'ours', timesBetterThan: 1.5, than: 'global fetch' })
}

await session.close()
await dispatcher.close()
await node.stop()
await suite.finish()

async function insertInBatches(): Promise<void> {
  let values: unknown[] = []
  const flush = async (): Promise<void> => {
    const groups = Array.from({ length: values.length / 6 }, (_, row) => {
      const places = columns.map((_, column) => `$${row * 6 + column + 1}`)
      return `(${places.join(', ')})`
    })
    await pool.query(`insert into cities values ${groups.join(', ')}`, values)
    values = []
  }
  for (const city of cities()) {
    values.push(...city)
    if (values.length === 6_000) await flush()
  }
  if (values.length > 0) await flush()
}
