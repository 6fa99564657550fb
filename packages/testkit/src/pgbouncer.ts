import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { TestkitError } from './errors.ts'
import { onFreePort } from './free-port.ts'
import { findPgBouncer } from './pgbouncer-program.ts'
import type { PostgresAddress } from './postgres.ts'
import { Watchdog } from './supervised-process.ts'
import { unprivilegedOwner, writeOwned } from './unprivileged-owner.ts'

export interface PgBouncerOptions {
  /** When a server connection goes back to the pool. @default 'transaction' */
  readonly poolMode?: 'session' | 'transaction' | 'statement' | undefined
  /** Most connections to the server. Integer from 1. @default 2 */
  readonly poolSize?: number | undefined
  /** Further settings by name, for instance `{ max_client_conn: 10 }`. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined
}

/** A PgBouncer to test against. User, password and database are those of the server behind it. */
export interface PgBouncer extends PostgresAddress, AsyncDisposable {
  close(): Promise<void>
}

/**
 * Puts a private PgBouncer on a free port in front of a server. It ends with this process, however this process
 * ends.
 *
 * @throws {TestkitError} PGBOUNCER_MISSING when there is none, PGBOUNCER_FAILED when it does not start.
 */
export async function startPgBouncer(
  server: Omit<PostgresAddress, 'url'>,
  options: PgBouncerOptions = {},
): Promise<PgBouncer> {
  const { poolSize = 2 } = options
  if (!Number.isSafeInteger(poolSize) || poolSize < 1) {
    throw new RangeError(`poolSize must be an integer from 1, got ${poolSize}`)
  }
  const { program, libraries } = await findPgBouncer()
  const { user, password, database } = server
  const owner = unprivilegedOwner()
  const watchdog = new Watchdog()
  const close = (): Promise<void> => watchdog.close()
  try {
    const folder = await watchdog.makeFolder('code-pgbouncer', owner)
    const users = await writeOwned(owner, join(folder, 'users'), `${quoted(user)} ${quoted(password)}\n`)
    // Copied, since its user may not be allowed into the checkout.
    const command = join(folder, 'pgbouncer')
    await cp(program, command)
    if (libraries !== undefined) {
      await cp(libraries, join(folder, 'libraries'), { recursive: true, verbatimSymlinks: true })
    }
    const port = await onFreePort(async (port) => {
      const configuration = ini(server, users, port, { ...options, poolSize })
      await watchdog.start({
        command,
        args: [await writeOwned(owner, join(folder, 'pgbouncer.ini'), configuration)],
        cwd: folder,
        env: libraries === undefined ? {} : { LD_LIBRARY_PATH: join(folder, 'libraries') },
        owner,
        // Newer ones wait for their clients on SIGTERM.
        stopSignal: 'SIGQUIT',
        ready: (line) => line.includes('process up'),
      })
      return port
    })
    const host = '127.0.0.1'
    const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`
    return { url, host, port, user, password, database, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw new TestkitError('PGBOUNCER_FAILED', (error as Error).message, { cause: error })
  }
}

function ini(
  server: Omit<PostgresAddress, 'url'>,
  users: string,
  port: number,
  { poolMode = 'transaction', poolSize, settings }: PgBouncerOptions,
): string {
  const all = {
    server_tls_sslmode: 'prefer',
    ...settings,
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: poolMode,
    default_pool_size: poolSize,
  }
  return [
    '[databases]',
    `* = host=${server.host} port=${server.port}`,
    '[pgbouncer]',
    ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
    '',
  ].join('\n')
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}
