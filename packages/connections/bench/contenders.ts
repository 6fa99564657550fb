import { postgres } from '@code/connections/postgres'
import { Client, Pool } from 'pg'
import postgresJs from 'postgres'

/** A statement of the benches. The name is for those who prepare by name. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export type Value = string | number | boolean
export type Row = Readonly<Record<string, unknown>>
export type Query = (statement: Statement, values: Value[]) => Promise<readonly Row[]>

/** One way to talk to the server, as the load of a bench sees it: the same calls whoever it is. */
export interface Contender {
  readonly query: Query
  /** Runs `work` between BEGIN and COMMIT on one connection. */
  transaction(work: (query: Query) => Promise<void>): Promise<unknown>
  close(): Promise<unknown>
}

export type ContenderName =
  | 'a connection per request'
  | 'pg.Pool'
  | 'pg.Pool, again'
  | 'postgres.js'
  | 'ours'
  | 'ours, isolate'

/** Contenders opened for one measurement, so that none profits from what it learned in another. */
export interface Contenders<Name extends ContenderName> extends AsyncDisposable {
  /** Arms for the harness: the same work through each of them. */
  arms<F>(measure: (contender: Contender, name: Name) => F): Record<Name, () => F>
}

/** Opens each for the same server, with ten connections at most. */
export function openContenders<Name extends ContenderName>(
  url: string,
  names: readonly Name[],
): Contenders<Name> {
  const opened = names.map((name) => [name, openers[name](url)] as const)
  return {
    arms<F>(measure: (contender: Contender, name: Name) => F) {
      const arms = opened.map(([name, contender]) => [name, () => measure(contender, name)])
      return Object.fromEntries(arms) as Record<Name, () => F>
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map(([, contender]) => contender.close()))
    },
  }
}

/** A pg.Pool as a competent service uses it: statements prepared under a name. */
export function openPgPool(url: string): Contender {
  const pool = newPgPool(url)
  return {
    query: async ({ name, text }, values) => (await pool.query<Row>({ name, text, values })).rows,
    transaction: async (work) => {
      const client = await pool.connect()
      let failure: Error | undefined
      try {
        await inTransaction(client, work)
      } catch (error) {
        failure = error as Error
        throw error
      } finally {
        client.release(failure)
      }
    },
    close: () => pool.end(),
  }
}

/** The rival itself. */
export function newPgPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: connections })
  // Its end() does not wait for its clients to hang up. A server that is closed next tells them that it goes, which
  // without a listener would end this process. What happens to a query rejects that query all the same.
  pool.on('error', () => {})
  return pool
}

const connections = 10

const openers: Readonly<Record<ContenderName, (url: string) => Contender>> = {
  'a connection per request': openPerRequest,
  'pg.Pool': openPgPool,
  'pg.Pool, again': openPgPool,
  'postgres.js': openPostgresJs,
  ours: (url) => openOurs(url, 'equal'),
  'ours, isolate': (url) => openOurs(url, 'isolate'),
}

function openOurs(connectionString: string, fairness: 'equal' | 'isolate'): Contender {
  const options = { connectionString, maxSize: connections, fairness }
  const db = postgres(options).open()
  return {
    query: async ({ text }, values) => (await db.query<Row>(text, values)).rows,
    transaction: (work) =>
      db.transaction((session) =>
        work(async ({ text }, values) => (await session.query<Row>(text, values)).rows),
      ),
    close: () => db.close(),
  }
}

function openPostgresJs(url: string): Contender {
  const sql = postgresJs(url, { max: connections, onnotice: () => {} })
  // What its tag does with a text that is known beforehand, prepared like the tag's.
  const prepared = { prepare: true }
  return {
    query: async ({ text }, values) => sql.unsafe<Row[]>(text, values, prepared),
    transaction: (work) =>
      sql.begin((session) => work(async ({ text }, values) => session.unsafe<Row[]>(text, values, prepared))),
    close: () => sql.end(),
  }
}

function openPerRequest(connectionString: string): Contender {
  const request = async <R>(work: (client: Client) => Promise<R>): Promise<R> => {
    const client = new Client({ connectionString })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
  return {
    query: ({ text }, values) => request(async (client) => (await client.query<Row>(text, values)).rows),
    transaction: (work) => request((client) => inTransaction(client, work)),
    close: () => Promise.resolve(),
  }
}

async function inTransaction(
  client: Pick<Client, 'query'>,
  work: (query: Query) => Promise<void>,
): Promise<void> {
  await client.query('begin')
  await work(async ({ name, text }, values) => (await client.query<Row>({ name, text, values })).rows)
  await client.query('commit')
}
