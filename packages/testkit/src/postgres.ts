import { randomBytes } from 'node:crypto'
import { chown, cp, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TestkitError } from './errors.ts'
import { freePort } from './free-port.ts'
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { Watchdog, type SupervisedProcess } from './supervised-process.ts'

export interface PostgresOptions {
  /** Most connections the server allows. Integer from 1. @default 100 */
  readonly maxConnections?: number | undefined
  /** Further server settings by name, for instance `{ log_statement: 'all' }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** A Postgres to test against. Closing it removes it, with its data. */
export interface PostgresServer extends AsyncDisposable {
  /** With user and password. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** Shuts the server down, cutting every connection, and keeps its data. @throws {TestkitError} POSTGRES_NOT_OURS */
  stop(): Promise<void>
  /** Starts a stopped server again on the same port. @throws {TestkitError} POSTGRES_NOT_OURS */
  start(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a private Postgres on a free port, with passwords (SCRAM) and without durability. It ends with this
 * process, however this process ends. Under `CODE_POSTGRES_URL` that server is used as it is, options unheeded.
 *
 * @throws {TestkitError} POSTGRES_MISSING when none is installed, POSTGRES_FAILED when it does not start.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const url = process.env['CODE_POSTGRES_URL']
  if (url) return runningServer(new URL(url))
  const { maxConnections = 100, settings = {} } = options
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw new RangeError(`maxConnections must be an integer from 1, got ${maxConnections}`)
  }
  const server = new PrivatePostgres(await findPostgres(), {
    fsync: false,
    full_page_writes: false,
    synchronous_commit: false,
    ...settings,
    max_connections: maxConnections,
  })
  try {
    await server.create()
    return server
  } catch (error) {
    await server.close()
    throw new TestkitError('POSTGRES_FAILED', (error as Error).message, { cause: error })
  }
}

class PrivatePostgres implements PostgresServer {
  readonly host = '127.0.0.1'
  readonly user = 'postgres'
  readonly password: string = randomBytes(18).toString('base64url')
  readonly database = 'postgres'
  #binaries: PostgresBinaries
  readonly #settings: Readonly<Record<string, string | number | boolean>>
  readonly #watchdog = new Watchdog()
  #folder = ''
  #port = 0
  #running: SupervisedProcess | undefined

  constructor(binaries: PostgresBinaries, settings: Readonly<Record<string, string | number | boolean>>) {
    this.#binaries = binaries
    this.#settings = settings
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `postgres://${this.user}:${this.password}@${this.host}:${this.#port}/${this.database}`
  }

  async create(): Promise<void> {
    this.#folder = await this.#watchdog.makeFolder('code-postgres', this.#binaries.owner)
    if (this.#binaries.outOfReach) await this.#bringPrograms()
    await this.#initialise()
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort()
      try {
        return await this.start()
      } catch (error) {
        // Another process took the port between its choice and its use.
        if (attempt === 5 || !/address already in use/i.test((error as Error).message)) throw error
      }
    }
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return
    const settings = {
      ...this.#settings,
      port: this.#port,
      listen_addresses: this.host,
      unix_socket_directories: this.#folder,
      logging_collector: false,
      log_destination: 'stderr',
      lc_messages: 'C',
    }
    this.#running = await this.#watchdog.start({
      command: join(this.#binaries.folder, 'postgres'),
      args: [
        '-D',
        this.#data,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      cwd: this.#folder,
      env: { LC_ALL: 'C' },
      owner: this.#binaries.owner,
      // A fast shutdown: sessions are cut, not waited for.
      stopSignal: 'SIGINT',
      ready: (line) => line.includes('database system is ready to accept connections'),
    })
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  async close(): Promise<void> {
    this.#running = undefined
    await this.#watchdog.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  async #bringPrograms(): Promise<void> {
    const { folder, owner } = this.#binaries
    const copy = join(this.#folder, 'programs')
    await cp(dirname(folder), copy, { recursive: true, verbatimSymlinks: true })
    this.#binaries = { folder: join(copy, basename(folder)), owner, outOfReach: false }
  }

  async #initialise(): Promise<void> {
    const { folder, owner } = this.#binaries
    const passwordFile = join(this.#folder, 'password')
    await writeFile(passwordFile, this.password, { mode: 0o600 })
    if (owner !== undefined) await chown(passwordFile, owner.uid, owner.gid)
    const initdb = await this.#watchdog.start({
      command: join(folder, 'initdb'),
      args: ['-D', this.#data, '-U', this.user, `--pwfile=${passwordFile}`, ...initialFormat],
      cwd: this.#folder,
      env: { LC_ALL: 'C' },
      owner,
    })
    const { code } = await initdb.exited
    if (code !== 0) throw new TestkitError('POSTGRES_FAILED', `initdb failed (${code})\n${initdb.output()}`)
  }
}

const initialFormat = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync']

function runningServer(url: URL): PostgresServer {
  const refuse = (): Promise<never> => {
    const message = `the server at ${url.host} was given by CODE_POSTGRES_URL: it is never stopped or started`
    return Promise.reject(new TestkitError('POSTGRES_NOT_OURS', message))
  }
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    stop: refuse,
    start: refuse,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
