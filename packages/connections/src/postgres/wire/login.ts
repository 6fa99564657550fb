import type { Socket } from 'node:net'
import { ConnectionsError } from '../../errors.ts'
import { sendCancelRequest } from '../cancel-request.ts'
import type { CheckedOptions } from '../options.ts'
import { Client } from './pg.ts'
import { serverError } from './server-error.ts'

/** How long the server may take for a cancel request, and to say goodbye. */
export const graceMs = 1_000

export interface LoginEvents {
  readonly onNotice: (notice: object) => void
  /** Of no more use, before or after the log-in. May come more than once. */
  readonly onLost: (error: unknown) => void
}

/** pg's part in a connection: it connects, logs in, hands over the socket, and notices the end. */
export class Login {
  readonly #client: Client
  readonly #onLost: (error: unknown) => void
  #key = { processId: 0, secretKey: 0 }
  #lostBy: { readonly error: unknown } | undefined

  constructor(pool: string, options: CheckedOptions, { onNotice, onLost }: LoginEvents) {
    const { connectionString, host, port, user, password, database, ssl } = options
    this.#client = new Client({
      connectionString,
      host,
      port,
      user,
      password: password as string,
      database,
      ssl,
      fallback_application_name: pool,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    })
    this.#onLost = onLost
    this.#client.connection.on('backendKeyData', (message: { processID: number; secretKey: number }) => {
      this.#key = { processId: message.processID, secretKey: message.secretKey }
    })
    this.#client.on('error', (error) => this.#lose(error))
    this.#client.on('end', () => this.#lose(new Error('the server closed the connection')))
    this.#client.on('notice', onNotice)
  }

  get processId(): number {
    return this.#key.processId
  }

  /**
   * Connects and logs in. pg hears nothing of what the socket brings from then on, only of its end.
   * @throws {ConnectionsError} CONNECTIONS_REFUSED or CONNECTIONS_TIMEOUT
   */
  async connect(timeoutMs: number, signal: AbortSignal): Promise<Socket> {
    const timeout = new Error(`not connected after ${timeoutMs} ms`)
    const giveUp = (error: unknown): void => {
      this.#lose(error)
      this.destroy()
    }
    const onAbort = (): void => giveUp(signal.reason)
    const timer = setTimeout(() => giveUp(timeout), timeoutMs)
    signal.addEventListener('abort', onAbort)
    try {
      signal.throwIfAborted()
      await this.#client.connect()
      if (this.#lostBy !== undefined) throw this.#lostBy.error
      const stream = this.#client.connection.stream as Socket
      stream.removeAllListeners('data')
      return stream
    } catch (error) {
      giveUp(error)
      const cause = this.#lostBy?.error
      const code = cause === timeout ? 'CONNECTIONS_TIMEOUT' : 'CONNECTIONS_REFUSED'
      throw new ConnectionsError(code, messageOf(cause), { cause, sqlState: serverError(cause)?.code })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Asks the server to interrupt what it works on. */
  cancel(): Promise<void> {
    const { host, port } = this.#client
    return sendCancelRequest({ host, port, ...this.#key }, graceMs)
  }

  /** Says goodbye. */
  end(): Promise<void> {
    return this.#client.end()
  }

  /** Hangs up. */
  destroy(): void {
    this.#client.connection.stream.destroy()
  }

  #lose(error: unknown): void {
    this.#lostBy ??= { error }
    this.#onLost(error)
  }
}

/** Node.js gives a failure to connect to several addresses an empty message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as { code?: string }).code || error.name
}
