import { randomBytes } from 'node:crypto'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ServerCertificates } from './certificates.ts'
import { TestkitError } from './errors.ts'
import { onFreePort } from './free-port.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { PostgresServer, PostgresStopOptions } from './postgres.ts'
import { Watchdog, type SupervisedProcess } from './supervised-process.ts'
import { writeOwned } from './unprivileged-owner.ts'

export type PostgresSettings = Readonly<Record<string, string | number | boolean>>

export interface PrivatePostgresPlan {
  readonly binaries: PostgresBinaries
  readonly password: string
  readonly ca: string | undefined
  readonly settings: PostgresSettings
  /** Variables of the server's process. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Fills the data folder. */
  readonly layOut: (site: PostgresSite) => Promise<void>
}

/** Where a private server lives. */
export interface PostgresSite {
  readonly watchdog: Watchdog
  readonly binaries: PostgresBinaries
  readonly folder: string
  readonly data: string
}

/** A server of ours: its process, on its data folder and its port. */
export class PrivatePostgres implements PostgresServer {
  readonly host = '127.0.0.1'
  readonly user = 'postgres'
  readonly database = 'postgres'
  readonly plan: PrivatePostgresPlan
  readonly site: PostgresSite
  #port = 0
  #running: SupervisedProcess | undefined

  private constructor(plan: PrivatePostgresPlan, site: PostgresSite) {
    this.plan = plan
    this.site = site
  }

  /** @throws {TestkitError} POSTGRES_FAILED, with what the programs said. */
  static async create(plan: PrivatePostgresPlan): Promise<PrivatePostgres> {
    const watchdog = new Watchdog()
    try {
      const site = await prepareSite(watchdog, plan.binaries)
      await plan.layOut(site)
      const server = new PrivatePostgres(plan, site)
      await onFreePort(async (port) => {
        server.#port = port
        await server.start()
      })
      return server
    } catch (error) {
      await watchdog.close()
      throw new TestkitError('POSTGRES_FAILED', (error as Error).message, { cause: error })
    }
  }

  get port(): number {
    return this.#port
  }

  get password(): string {
    return this.plan.password
  }

  get ca(): string | undefined {
    return this.plan.ca
  }

  get url(): string {
    return `postgres://${this.user}:${this.password}@${this.host}:${this.#port}/${this.database}`
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    const { watchdog, binaries, folder, data } = this.site
    const settings = {
      ...this.plan.settings,
      port: this.#port,
      listen_addresses: this.host,
      unix_socket_directories: folder,
      logging_collector: false,
      log_destination: 'stderr',
      lc_messages: 'C',
    }
    this.#running = await watchdog.start({
      command: join(binaries.folder, 'postgres'),
      args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      cwd: folder,
      // As a replica it is a client too, and must not read the files of whoever runs the tests.
      env: { LC_ALL: 'C', HOME: folder, ...this.plan.env },
      owner: binaries.owner,
      stopSignal: stopSignals.fast,
      ready: (line) => /database system is ready to accept (read[- ]only )?connections/.test(line),
    })
  }

  async stop({ mode = 'fast' }: PostgresStopOptions = {}): Promise<void> {
    await this.#running?.stop(stopSignals[mode])
    this.#running = undefined
  }

  async restart(options?: PostgresStopOptions): Promise<void> {
    await this.stop(options)
    await this.start()
  }

  async close(): Promise<void> {
    this.#running = undefined
    await this.site.watchdog.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

// Those of Postgres: SIGTERM would wait for the sessions.
const stopSignals = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

export function newPassword(): string {
  return randomBytes(18).toString('base64url')
}

/** Lays out an empty database whose only user logs in by SCRAM. */
export async function initialise(site: PostgresSite, access: Access): Promise<void> {
  const { folder, data, binaries } = site
  const { owner } = binaries
  const passwordFile = await writeOwned(owner, join(folder, 'password'), access.password)
  const format = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync']
  const args = ['-D', data, '-U', 'postgres', `--pwfile=${passwordFile}`, ...format]
  await run(site, join(binaries.folder, 'initdb'), args)
  if (access.certificates !== undefined) {
    // The names under which Postgres looks for them by itself.
    await writeOwned(owner, join(data, 'server.crt'), access.certificates.certificate)
    await writeOwned(owner, join(data, 'server.key'), access.certificates.key)
  }
  if (access.refusePlain) {
    const rules = join(data, 'pg_hba.conf')
    await writeFile(rules, (await readFile(rules, 'utf8')).replaceAll(/^host\b/gm, 'hostssl'))
  }
}

interface Access {
  readonly password: string
  readonly certificates: ServerCertificates | undefined
  /** Takes no client over TCP that does not encrypt. */
  readonly refusePlain: boolean
}

/** Runs a program to its end, as the server's user. */
export async function run(
  { watchdog, folder, binaries }: PostgresSite,
  command: string,
  args: readonly string[],
): Promise<void> {
  const { owner } = binaries
  const program = await watchdog.start({ command, args, cwd: folder, env: { LC_ALL: 'C' }, owner })
  const { code } = await program.exited
  if (code !== 0) {
    throw new TestkitError('POSTGRES_FAILED', `${basename(command)} failed (${code})\n${program.output()}`)
  }
}

async function prepareSite(watchdog: Watchdog, binaries: PostgresBinaries): Promise<PostgresSite> {
  const folder = await watchdog.makeFolder('code-postgres', binaries.owner)
  const site = { watchdog, binaries, folder, data: join(folder, 'data') }
  if (!binaries.outOfReach) return site
  const copy = join(folder, 'programs')
  await cp(dirname(binaries.folder), copy, { recursive: true, verbatimSymlinks: true })
  const reachable = { ...binaries, folder: join(copy, basename(binaries.folder)), outOfReach: false }
  return { ...site, binaries: reachable }
}
