import { createCertificates } from './certificates.ts'
import { TestkitError } from './errors.ts'
import { findPostgres } from './postgres-binaries.ts'
import { initialise, newPassword, PrivatePostgres, type PostgresSettings } from './private-postgres.ts'

export interface PostgresOptions {
  /** Most connections the server allows. Integer from 1. @default 100 */
  readonly maxConnections?: number | undefined
  /** Further server settings by name, for instance `{ log_statement: 'all' }`. */
  readonly settings?: PostgresSettings | undefined
  /**
   * Encryption with a certificate for `localhost` and 127.0.0.1, of an authority made for this server alone: see
   * `ca`. Under `'required'` the server refuses a client without it. @default none
   */
  readonly tls?: 'offered' | 'required' | undefined
}

/** Where a server listens, and as whom to log in. */
export interface PostgresAddress {
  /** With user and password. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** A Postgres to test against. Closing it removes it, with its data. */
export interface PostgresServer extends PostgresAddress, AsyncDisposable {
  /** The certificate, as PEM, that a client must trust to verify the server. `undefined` without `tls`. */
  readonly ca: string | undefined
  /** Shuts the server down, cutting every connection, and keeps its data. @throws {TestkitError} POSTGRES_NOT_OURS */
  stop(options?: PostgresStopOptions): Promise<void>
  /** Starts a stopped server again on the same port. @throws {TestkitError} POSTGRES_NOT_OURS */
  start(): Promise<void>
  /** Stops and starts; resolves when connections are taken again. @throws {TestkitError} POSTGRES_NOT_OURS */
  restart(options?: PostgresStopOptions): Promise<void>
  close(): Promise<void>
}

export interface PostgresStopOptions {
  /** `'fast'` ends sessions in order; `'immediate'` is a crash, after which the server recovers. @default 'fast' */
  readonly mode?: 'fast' | 'immediate' | undefined
}

/**
 * Starts a private Postgres on a free port, with passwords (SCRAM). What it commits survives its own crash, not the
 * machine's. It ends with this process, however this process ends. Under `CODE_POSTGRES_URL` that server is used as it is, options unheeded.
 *
 * @throws {TestkitError} POSTGRES_MISSING when none is installed, POSTGRES_FAILED when it does not start,
 * POSTGRES_NOT_OURS when `tls` is asked of a server given by `CODE_POSTGRES_URL`.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { maxConnections = 100, settings = {}, tls } = options
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw new RangeError(`maxConnections must be an integer from 1, got ${maxConnections}`)
  }
  const url = process.env['CODE_POSTGRES_URL']
  if (url) {
    if (tls !== undefined) throw notOurs(url, 'its encryption is never changed')
    return runningServer(new URL(url))
  }
  const certificates = tls && createCertificates()
  const password = newPassword()
  return PrivatePostgres.create({
    binaries: await findPostgres(),
    password,
    ca: certificates?.ca,
    settings: {
      fsync: false,
      full_page_writes: false,
      ...settings,
      max_connections: maxConnections,
      ...(certificates && { ssl: true }),
    },
    layOut: (site) => initialise(site, { password, certificates, refusePlain: tls === 'required' }),
  })
}

/** What was asked for can be done to private servers only. */
export function notOurs(url: string, what: string): TestkitError {
  const message = `the server at ${new URL(url).host} was given by CODE_POSTGRES_URL: ${what}`
  return new TestkitError('POSTGRES_NOT_OURS', message)
}

function runningServer(url: URL): PostgresServer {
  const refuse = (): Promise<never> => Promise.reject(notOurs(url.href, 'it is never stopped or started'))
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ca: undefined,
    stop: refuse,
    start: refuse,
    restart: refuse,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
