import { Client } from 'pg'
import type { Query, Statement } from './contenders.ts'

const count = 10_000

const pointRead: Statement = {
  name: 'point',
  text: 'select id, v from points where id = $1',
}
const sleeping: Statement = {
  name: 'sleeping',
  text: 'select id, v, pg_sleep(0.02)::text as slept from points where id = $1',
}
const sometimesSleeping: Statement = {
  name: 'sometimes-sleeping',
  text: `select id, v, case when $2::boolean then pg_sleep(0.02)::text end as slept
    from points where id = $1`,
}
const busy: Statement = {
  name: 'busy',
  text: `select $1::int as id, 'value ' || $1 as v, count(*)::int as found
    from points, generate_series(1, 10) where v like 'value %'`,
}

/** Runs statements one after the other on a connection of their own. */
export async function execute(connectionString: string, ...texts: string[]): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  for (const text of texts) await client.query(text)
  await client.end()
}

/** The table that all reads of this file are of. */
export async function createPoints(url: string): Promise<void> {
  await execute(
    url,
    'create table points (id int primary key, v text not null)',
    `insert into points select id, 'value ' || id from generate_series(0, ${count - 1}) id`,
    'vacuum analyze points',
  )
}

/** One row by its key. */
export const readPoint = (query: Query): Promise<void> => read(query, pointRead)

/** A statement that always sleeps, or one that never does. */
export function readOrSleep(query: Query, isSlow: boolean): Promise<void> {
  return isSlow ? read(query, sleeping, { slept: '' }) : read(query, pointRead)
}

/** The same text for both: whether it sleeps is in its second parameter. */
export async function readSometimesSleeping(query: Query, isSlow: boolean): Promise<void> {
  await read(query, sometimesSleeping, { slept: isSlow ? '' : null }, [isSlow])
}

/** As slow as a sleep, more or less, but it keeps a core of the server busy. */
export const readBusy = (query: Query): Promise<void> => read(query, busy, { found: 10 * count })

let next = 0

async function read(
  query: Query,
  statement: Statement,
  also?: Readonly<Record<string, unknown>>,
  parameters: boolean[] = [],
): Promise<void> {
  // A prime stride: every row has its turn, and no two callers read neighbours.
  const id = (next = (next + 7919) % count)
  const rows = await query(statement, [id, ...parameters])
  const row = rows[0]
  const right = rows.length === 1 && row?.['id'] === id && row['v'] === `value ${id}`
  if (right && (also === undefined || Object.entries(also).every(([name, value]) => row[name] === value)))
    return
  throw new Error(`${statement.name} of ${id} gave ${JSON.stringify(rows)}`)
}
