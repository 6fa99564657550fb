import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import type { Closing } from './closing.ts'
import type { Holder } from './report.ts'

/**
 * Ends a server of Node.js: accepts no more, lets requests in flight finish, and cuts off at the deadline.
 *
 * `server.close()` alone waits seconds for a connection kept alive by a response that was on its way, and
 * without end for one that never sent a request, was upgraded, or (Node.js 22) speaks HTTP/2. So connections
 * and responses are followed from the beginning.
 */
export class ServerDrain implements Closing {
  readonly phase = 'servers'
  readonly #server: Server & Partial<Pick<HttpServer, 'closeIdleConnections' | 'closeAllConnections'>>
  readonly #listeners: ReadonlyMap<string, (...args: never[]) => void>
  readonly #connections = new Map<Socket, number>()
  /** HTTP/1: connections without a request so far. */
  readonly #silent = new Set<Socket>()
  /** HTTP/1: requests in flight. */
  readonly #responses = new Map<ServerResponse, number>()
  readonly #http2Sessions = new Set<Http2Session>()
  #state: 'open' | 'announced' | 'closed' = 'open'

  constructor(server: Server) {
    this.#server = server
    const isHttp2 = 'updateSettings' in server
    const isHttp1 = !isHttp2 && 'closeIdleConnections' in server
    const connected = server instanceof TlsServer ? 'secureConnection' : 'connection'
    this.#listeners = new Map<string, (...args: never[]) => void>([
      [connected, (socket: Socket) => this.#followConnection(socket, isHttp1)],
      // A listen() that was looking up its host when we closed would go on listening.
      ['listening', () => this.#state === 'closed' && server.close()],
      ...(isHttp1 ? [['request', this.#followRequest] as const] : []),
      ...(isHttp2 ? [['session', this.#followSession] as const] : []),
    ])
    for (const [event, listener] of this.#listeners) server.prependListener(event, listener)
  }

  /** From now on every response asks its client to come back over a new connection, and so elsewhere. */
  announce(): void {
    this.#state = 'announced'
    for (const response of this.#responses.keys()) askToLeave(response)
  }

  async close(deadlineMs: number): Promise<{ closed: boolean; holders: readonly Holder[] }> {
    this.announce()
    this.#state = 'closed'
    const inTime = Promise.withResolvers<boolean>()
    const timer = setTimeout(inTime.resolve, deadlineMs, false)
    // It answers with an error when it was not listening, which is as good.
    this.#server.close(() => inTime.resolve(true))
    for (const session of this.#http2Sessions) session.close()
    // What has arrived already is read in this turn, and its connection is then no longer silent.
    await turn()
    for (const socket of this.#silent) socket.destroy()
    const closed = await inTime.promise
    clearTimeout(timer)
    const holders = closed ? [] : this.#holders()
    for (const socket of this.#connections.keys()) socket.destroy()
    this.#server.closeAllConnections?.()
    return { closed, holders }
  }

  release(): void {
    for (const [event, listener] of this.#listeners) this.#server.off(event, listener)
  }

  #followConnection(socket: Socket, isHttp1: boolean): void {
    this.#connections.set(socket, performance.now())
    if (isHttp1) this.#silent.add(socket)
    socket.once('close', () => {
      this.#connections.delete(socket)
      this.#silent.delete(socket)
    })
  }

  readonly #followRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.#silent.delete(request.socket)
    this.#responses.set(response, performance.now())
    if (this.#state !== 'open') askToLeave(response)
    response.once('close', () => {
      this.#responses.delete(response)
      // One turn later its connection is idle, unless it was told to close.
      if (this.#state === 'closed') setImmediate(() => this.#server.closeIdleConnections?.())
    })
  }

  readonly #followSession = (session: Http2Session): void => {
    this.#http2Sessions.add(session)
    session.once('close', () => this.#http2Sessions.delete(session))
  }

  /** Requests, and connections that have none: a WebSocket, a client of a TCP server. */
  #holders(): Holder[] {
    const now = performance.now()
    const idle = new Map(this.#connections)
    const requests = Array.from(this.#responses, ([{ req }, since]) => {
      idle.delete(req.socket)
      return { heldMs: now - since, label: `${req.method} ${req.url?.split('?', 1)[0]}` }
    })
    const connections = Array.from(idle, ([{ remoteAddress, remotePort }, since]) => {
      return { heldMs: now - since, label: `connection from ${remoteAddress}:${remotePort}` }
    })
    return [...requests, ...connections]
  }
}

/** The part of a session of node:http2 that ends it in order. */
interface Http2Session {
  close(): void
  once(event: 'close', listener: () => void): unknown
}

function askToLeave(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
