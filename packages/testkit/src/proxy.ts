import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { TestkitError } from './errors.ts'
import { ProxyConnection, type Way } from './proxy-connection.ts'

export interface ProxyOptions {
  /** The server's port. Integer from 1 to 65535. */
  readonly port: number
  /** The server's host. @default '127.0.0.1' */
  readonly host?: string | undefined
}

/** Which way bytes go through a proxy. */
export type ProxyDirection = 'toServer' | 'toClient'

/** What one direction has seen, all connections together. */
export interface ProxyTraffic {
  /** Forwarded so far. */
  readonly bytes: number
  /** Writes that made up these bytes. */
  readonly chunks: number
  /** Taken and not yet forwarded: stalled, delayed, or waiting for a peer that does not read. */
  readonly heldBytes: number
}

export interface ProxyStats {
  /** Clients connected now: those that have not hung up, whatever became of the server. */
  readonly open: number
  /** Connections taken so far. */
  readonly accepted: number
  readonly toServer: ProxyTraffic
  readonly toClient: ProxyTraffic
}

/**
 * Puts a proxy on a free port of 127.0.0.1 in front of a server, to test what a client does when the network or
 * the server fails. Until a fault is switched on, bytes, half-closes and resets pass as they come.
 *
 * @throws {TypeError | RangeError} when an option is not what it should be
 */
export async function startProxy(options: ProxyOptions): Promise<TcpProxy> {
  const proxy = new TcpProxy(options)
  await proxy.accept()
  return proxy
}

/** Faults are switched while connections live, and hold for new ones too. Without a direction both are meant. */
export class TcpProxy implements AsyncDisposable {
  readonly host = '127.0.0.1'
  readonly #target: { readonly host: string; readonly port: number }
  readonly #ways: Record<ProxyDirection, Way> = { toServer: freeWay(), toClient: freeWay() }
  readonly #connections = new Set<ProxyConnection>()
  #listener: Server | undefined
  #turn: Promise<void> = Promise.resolve()
  #port = 0
  #accepted = 0
  #closed = false

  constructor({ port, host = '127.0.0.1' }: ProxyOptions) {
    const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535
    checkNumber('port', port, 'an integer from 1 to 65535', isPort)
    if (typeof host !== 'string') throw new TypeError(`host must be a string, got ${describe(host)}`)
    this.#target = { port, host }
  }

  get port(): number {
    return this.#port
  }

  /** Holds each chunk back for so long, from 0 (off). The order stays, and chunks do not wait for one another. */
  delay(ms: number, direction?: ProxyDirection): void {
    checkNumber('ms', ms, 'milliseconds from 0 to 2147483647', ms >= 0 && ms < 2 ** 31)
    this.#set({ delayMs: ms }, direction)
  }

  /**
   * A black hole: connections stay open and nothing passes, no end and no reset either, so that each side believes
   * the other alive. A connection takes 1 MiB in each direction and then reads no more.
   */
  stall(direction?: ProxyDirection): void {
    this.#set({ stalled: true }, direction)
  }

  /** Ends the stall; what was held passes, in order. */
  resume(direction?: ProxyDirection): void {
    this.#set({ stalled: false }, direction)
  }

  /** Ends all connections now, stalled or not: a FIN to both sides after what was forwarded. What is held is lost. */
  cut(): void {
    for (const connection of this.#connections) connection.cut()
  }

  /** Ends all connections now, stalled or not: a RST to both sides. What is held is lost. */
  reset(): void {
    for (const connection of this.#connections) connection.reset()
  }

  /**
   * Cuts in the middle of a message: the first connection, old or new, that has forwarded so many bytes from now on,
   * from 0, forwards none beyond them and is cut. It happens once, so that the connection after it lives.
   */
  cutAfter(bytes: number, direction: ProxyDirection): void {
    checkNumber('bytes', bytes, 'an integer from 0', Number.isSafeInteger(bytes) && bytes >= 0)
    checkDirection(direction)
    for (const connection of this.#connections) connection[direction].countAnew()
    this.#ways[direction].cutAfter = bytes
  }

  /** Sends bytes to every open connection as if the other side had sent them. */
  inject(bytes: Uint8Array | string, direction: ProxyDirection = 'toClient'): void {
    if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array)) {
      throw new TypeError(`bytes must be a Uint8Array or a string, got ${describe(bytes)}`)
    }
    checkDirection(direction)
    for (const connection of this.#connections) connection[direction].take(Buffer.from(bytes))
  }

  /** Closes the port: new connections are refused, those there are live on. */
  refuse(): Promise<void> {
    return this.#inTurn(() => {
      this.#listener?.close()
      this.#listener = undefined
    })
  }

  /** Opens the port again, the same one. @throws {TestkitError} PROXY_FAILED when it is taken, or the proxy closed */
  accept(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) throw new TestkitError('PROXY_FAILED', 'the proxy is closed')
      this.#listener ??= await this.#listen()
    })
  }

  stats(): ProxyStats {
    return Object.freeze({
      open: [...this.#connections].filter(({ isOpen }) => isOpen).length,
      accepted: this.#accepted,
      toServer: traffic(this.#ways.toServer),
      toClient: traffic(this.#ways.toClient),
    })
  }

  /** Ends everything at once, stalled or not, and resolves when no socket is left. */
  async close(): Promise<void> {
    this.#closed = true
    await this.refuse()
    await Promise.all([...this.#connections].map((connection) => connection.destroy()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #listen(): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#accepted++
      const connection = new ProxyConnection(client, this.#target, this.#ways)
      this.#connections.add(connection)
      void connection.closed.then(() => this.#connections.delete(connection))
    })
    server.listen(this.#port, this.host)
    try {
      await once(server, 'listening')
    } catch (error) {
      throw new TestkitError('PROXY_FAILED', `the proxy cannot listen: ${(error as Error).message}`, {
        cause: error,
      })
    }
    this.#port = (server.address() as AddressInfo).port
    return server
  }

  /** A port that is just being opened cannot be closed: one after the other. */
  #inTurn(work: () => void | Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  #set(faults: Partial<Way>, direction: ProxyDirection | undefined): void {
    if (direction !== undefined) checkDirection(direction)
    for (const way of direction ? [direction] : directions) {
      Object.assign(this.#ways[way], faults)
      for (const connection of this.#connections) connection[way].move()
    }
  }
}

const directions: readonly ProxyDirection[] = ['toServer', 'toClient']

function freeWay(): Way {
  return { delayMs: 0, stalled: false, cutAfter: undefined, bytes: 0, chunks: 0, heldBytes: 0 }
}

function traffic({ bytes, chunks, heldBytes }: Way): ProxyTraffic {
  return Object.freeze({ bytes, chunks, heldBytes })
}

function checkNumber(name: string, value: unknown, expected: string, holds: boolean): void {
  const message = `${name} must be ${expected}, got ${describe(value)}`
  if (typeof value !== 'number') throw new TypeError(message)
  if (!holds) throw new RangeError(message)
}

function checkDirection(direction: unknown): void {
  if (!directions.some((known) => known === direction)) {
    throw new TypeError(`direction must be 'toServer' or 'toClient', got ${describe(direction)}`)
  }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
