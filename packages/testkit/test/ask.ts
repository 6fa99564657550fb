import { Client, type ClientConfig } from 'pg'
import type { PostgresAddress } from '../src/index.ts'

type Server = PostgresAddress & { readonly ca?: string | undefined }

/** Connects, asks once and takes the column `answer` of the first row. */
export async function ask(server: Server, sql: string, over: ClientConfig = {}): Promise<unknown> {
  const { host, port, user, password, database, ca } = server
  const client = new Client({
    host,
    port,
    user,
    password,
    database,
    ssl: ca !== undefined && { ca },
    ...over,
  })
  await client.connect()
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql)
    return rows[0]?.answer
  } finally {
    await client.end()
  }
}
