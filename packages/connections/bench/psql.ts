import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresServer } from '@code/testkit'
import { Client } from 'pg'

/** Copies a file into a table with psql's `\copy`. */
export type PsqlCopy = (table: string, file: string) => Promise<{ rows: number; ms: number }>

/** The psql beside the server's own program, if it has one on this machine. */
export async function findPsql(server: PostgresServer): Promise<PsqlCopy | undefined> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ setting: string }>(
    `select setting from pg_config where name = 'BINDIR'`,
  )
  await client.end()
  const psql = join(rows[0]?.setting ?? '', 'psql')
  return existsSync(psql) ? (table, file) => copy(psql, server, table, file) : undefined
}

async function copy(
  psql: string,
  { host, port, user, password, database }: PostgresServer,
  table: string,
  file: string,
): Promise<{ rows: number; ms: number }> {
  const { stdout } = await promisify(execFile)(
    psql,
    ['--no-psqlrc', '--command=\\timing on', `--command=\\copy ${table} from '${file}'`],
    {
      timeout: 60_000,
      env: {
        ...process.env,
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: database,
        LC_ALL: 'C',
      },
    },
  )
  // Its own clock: without its start and its log-in, as the other arms are connected too.
  const [, rows] = /^COPY (\d+)$/m.exec(stdout) ?? []
  const [, ms] = /^Time: ([\d.]+) ms/m.exec(stdout) ?? []
  if (rows === undefined || ms === undefined) throw new Error(`psql said ${stdout}`)
  return { rows: Number(rows), ms: Number(ms) }
}
