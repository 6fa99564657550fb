import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { TestkitError } from './errors.ts'
import { notOurs, type PostgresServer } from './postgres.ts'
import { PrivatePostgres, run, type PostgresSite } from './private-postgres.ts'
import { writeOwned } from './unprivileged-owner.ts'

/** A hot standby: it answers reads from what it has replayed, and lags as a test wants it to. */
export interface PostgresReplica extends PostgresServer {
  /** From here on nothing that the primary commits can be seen; it arrives all the same. */
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  /**
   * Resolves when all that the primary has committed can be seen here.
   *
   * @throws {TestkitError} POSTGRES_FAILED when that takes longer than 10 seconds: is replay paused?
   */
  catchUp(): Promise<void>
}

/**
 * Starts a streaming replica of a private server, with the same settings, users and certificates, on a port of its
 * own. The copy is taken cold, since not every Postgres comes with `pg_basebackup`: **the primary restarts**, so
 * start its replicas before connecting to it, and close them before it.
 *
 * @throws {TestkitError} POSTGRES_NOT_OURS when the primary was given by `CODE_POSTGRES_URL`, POSTGRES_FAILED when
 * the copy does not start.
 */
export async function startPostgresReplica(primary: PostgresServer): Promise<PostgresReplica> {
  if (!(primary instanceof PrivatePostgres)) throw notOurs(primary.url, 'it gets no replica')
  const { host, port, user, password, plan, site } = primary
  const replica = await PrivatePostgres.create({
    ...plan,
    binaries: site.binaries,
    settings: {
      ...plan.settings,
      hot_standby: true,
      primary_conninfo: `host=${host} port=${port} user=${user}`,
      // After the primary's restart it is asked again at once.
      wal_retrieve_retry_interval: '100ms',
    },
    env: { ...plan.env, PGPASSWORD: password },
    layOut: (copy) => copyCold(primary, copy),
  })
  return Object.assign(replica, {
    async pauseReplay(): Promise<void> {
      await ask(replica, 'select pg_wal_replay_pause()')
      // The record at hand is still applied.
      await untilTrue(replica, `select pg_get_wal_replay_pause_state() = 'paused' as answer`)
    },
    async resumeReplay(): Promise<void> {
      await ask(replica, 'select pg_wal_replay_resume()')
    },
    async catchUp(): Promise<void> {
      // A record after all others.
      const mark = await ask(primary, `select pg_logical_emit_message(true, 'testkit', '')::text as answer`)
      await untilTrue(replica, `select pg_last_wal_replay_lsn() >= '${String(mark)}' as answer`)
    },
  })
}

async function copyCold(primary: PrivatePostgres, copy: PostgresSite): Promise<void> {
  await primary.stop()
  try {
    await run(copy, 'cp', ['-Rp', primary.site.data, copy.data])
  } finally {
    await primary.start()
  }
  await writeOwned(copy.binaries.owner, join(copy.data, 'standby.signal'), '')
}

async function untilTrue(server: PostgresServer, sql: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await ask(server, sql)) !== true) {
    if (performance.now() > deadline) {
      throw new TestkitError('POSTGRES_FAILED', `the replica did not come so far in 10 seconds: ${sql}`)
    }
    await delay(5)
  }
}

async function ask(server: PostgresServer, sql: string): Promise<unknown> {
  // Loaded here, so that benches and tests without replicas do without it.
  const { Client } = await import('pg')
  const { host, port, user, password, database, ca } = server
  const client = new Client({ host, port, user, password, database, ssl: ca !== undefined && { ca } })
  await client.connect()
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql)
    return rows[0]?.answer
  } finally {
    await client.end()
  }
}
