import { postgres } from '@code/connections/postgres'

// A process that copies as many rows as its argument says, and does nothing else: what it holds is what that needs.
const count = Number(process.argv[2])

function* rows() {
  for (let i = 0; i < count; i++) yield [i, `city ${i}`, i / 4000, -i / 2000, 'DK', i % 100_000]
}

const db = postgres({ connectionString: process.env.DATABASE_URL, maxSize: 1 }).open()
await db.query('truncate cities')
const columns = ['id', 'name', 'lat', 'lon', 'country', 'people']
const copied = await db.copyFrom('cities', columns, rows())
const { rows: found } = await db.query('select count(*)::int as rows from cities')
await db.close()
if (copied.rows !== count || found[0].rows !== count)
  throw new Error(`copied ${copied.rows}, found ${found[0].rows}`)
console.log(JSON.stringify({ rows: count }))
