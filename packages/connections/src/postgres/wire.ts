import { Client, DatabaseError, Query } from 'pg'
import { describe } from '../check.ts'
import { ConnectionsError } from '../errors.ts'
import { sendCancelRequest } from './cancel-request.ts'
import type { CopyIn } from './copy-in.ts'
import type { CheckedOptions } from './options.ts'

/** How long the server may take for a cancel request, and to say goodbye. */
export const graceMs = 1_000

/** One connection to Postgres and what is known of it: ready, in a transaction, lost. The only file that knows pg. */
export class Wire {
  readonly #client: Client
  readonly #waiting: (() => void)[] = []
  #key = { processId: 0, secretKey: 0 }
  #ready = false
  #inTransaction = false
  #lostBy: { readonly error: unknown } | undefined

  /** @throws {ConnectionsError} CONNECTIONS_REFUSED or CONNECTIONS_TIMEOUT */
  static async connect(pool: string, options: CheckedOptions, signal: AbortSignal): Promise<Wire> {
    const wire = new Wire(pool, options)
    await wire.#connect(options.connectTimeoutMs, signal)
    return wire
  }

  private constructor(pool: string, options: CheckedOptions) {
    const { connectionString, host, port, user, password, database, ssl, types, onNotice } = options
    this.#client = new Client({
      connectionString,
      host,
      port,
      user,
      password: password as string,
      database,
      ssl,
      types: types as never,
      fallback_application_name: pool,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
    // Ahead of pg's own listeners: who learns the end of a statement must find the state after it.
    const { connection } = this.#client
    connection.on('readyForQuery', ({ status }: { status: string }) => {
      this.#ready = true
      this.#inTransaction = status !== 'I'
      this.#wake()
    })
    connection.on('backendKeyData', ({ processID, secretKey }: { processID: number; secretKey: number }) => {
      this.#key = { processId: processID, secretKey }
    })
    this.#client.on('error', (error) => this.#lose(error))
    this.#client.on('end', () => this.#lose(new Error('the server closed the connection')))
    if (onNotice !== undefined) {
      this.#client.on('notice', (notice) => {
        try {
          onNotice(notice)
        } catch {
          // Out of here it would end the process, in the middle of a statement.
        }
      })
    }
  }

  /** Whether the server waits for a statement. */
  get ready(): boolean {
    return this.#ready
  }

  get inTransaction(): boolean {
    return this.#inTransaction
  }

  /** Why it is of no more use. */
  get lostBy(): { readonly error: unknown } | undefined {
    return this.#lostBy
  }

  /** @throws {TypeError} when the name is that of another text */
  query(
    text: string,
    values: readonly unknown[] | undefined,
    name: string | undefined,
    done: (error: Error | undefined, result: unknown) => void,
  ): void {
    // pg would refuse it too, but without sending anything: nobody would ever say that the server is ready again.
    const known = name === undefined ? undefined : this.#prepared.parsedStatements[name]
    if (known !== undefined && known !== text) {
      throw new TypeError(`the name ${describe(name)} belongs to another statement`)
    }
    // Made here: from an object with the text in it, pg would first copy every property descriptor.
    const query = new Query(text, values as unknown[], done) as Query & { name: string | undefined }
    query.name = name
    this.#ready = false
    this.#client.query(query)
  }

  copy(copy: CopyIn): void {
    this.#ready = false
    this.#client.query(copy as never)
  }

  /** Frees a prepared statement. The message travels with the next statement. */
  closeStatement(name: string): void {
    const connection = this.#prepared
    if (connection.parsedStatements[name] === undefined) return
    delete connection.parsedStatements[name]
    connection.close({ type: 'S', name })
  }

  /** Asks the server to interrupt the statement under way. */
  cancel(): Promise<void> {
    const { host, port } = this.#client
    return sendCancelRequest({ host, port, ...this.#key }, graceMs)
  }

  /** Calls back when it is ready or lost. */
  whenReady(then: () => void): void {
    if (this.#ready || this.#lostBy !== undefined) then()
    else this.#waiting.push(then)
  }

  /** Says goodbye, and hangs up when that is not heard. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.drop(new Error('the connection was closed')), graceMs)
    await this.#client.end()
    clearTimeout(timer)
  }

  /** Hangs up at once. */
  drop(error: unknown): void {
    this.#lose(error)
    this.#client.connection.stream.destroy()
  }

  async #connect(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const timeout = new Error(`not connected after ${timeoutMs} ms`)
    const onAbort = (): void => this.drop(signal.reason)
    const timer = setTimeout(() => this.drop(timeout), timeoutMs)
    signal.addEventListener('abort', onAbort)
    try {
      await this.#client.connect()
    } catch (error) {
      this.drop(error)
      const cause = this.#lostBy?.error
      const code = cause === timeout ? 'CONNECTIONS_TIMEOUT' : 'CONNECTIONS_REFUSED'
      throw new ConnectionsError(code, messageOf(cause), { cause, sqlState: serverError(cause)?.code })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  get #prepared(): PreparingConnection {
    return this.#client.connection as unknown as PreparingConnection
  }

  #lose(error: unknown): void {
    this.#lostBy ??= { error }
    this.#wake()
  }

  #wake(): void {
    for (const then of this.#waiting.splice(0)) then()
  }
}

/** The error as the server sent it, or `undefined` when it is of other making. */
export function serverError(error: unknown): DatabaseErrorFields | undefined {
  return error instanceof DatabaseError ? error : undefined
}

/** What pg's connection has besides its types: the texts prepared on it, by name. */
interface PreparingConnection {
  readonly parsedStatements: Record<string, string | undefined>
  close(message: { type: 'S'; name: string }): void
}

interface DatabaseErrorFields {
  readonly message: string
  readonly code?: string | undefined
  readonly routine?: string | undefined
}

/** Node.js gives a failure to connect to several addresses an empty message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as { code?: string }).code || error.name
}
