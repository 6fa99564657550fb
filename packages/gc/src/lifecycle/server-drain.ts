import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import type { Closing } from './closing.ts'
import type { Holder } from './report.ts'

/**
 * Ends a server of Node.js: accepts no more, lets requests in flight finish, and cuts off at the deadline.
 *
 * `server.close()` alone waits seconds for a connection kept alive by a response that was on its way, and
 * without end for one that never sent a request, was upgraded, or (Node.js 22) speaks HTTP/2. So connections
 * and responses are followed from the beginning: add a server before it listens.
 */
export class ServerDrain implements Closing {
  readonly phase = 'servers'
  readonly #server: Server & Partial<Pick<HttpServer, 'closeIdleConnections' | 'closeAllConnections'>>
  readonly #speaksHttp1: boolean
  readonly #connected: 'connection' | 'secureConnection'
  readonly #connections = new Map<Socket, number>()
  /** Connections without TLS yet, by their far end. */
  readonly #handshakes = new Map<string, Socket>()
  /** HTTP/1: requests in flight. */
  readonly #responses = new Map<ServerResponse, number>()
  readonly #http2Sessions = new Set<Http2Session>()
  #state: 'open' | 'announced' | 'closed' = 'open'

  constructor(server: Server) {
    this.#server = server
    const isHttp2 = 'updateSettings' in server
    const isTls = server instanceof TlsServer
    this.#speaksHttp1 = 'closeIdleConnections' in server
    this.#connected = isTls ? 'secureConnection' : 'connection'
    if (isTls) server.prependListener('connection', this.#followHandshake)
    server.prependListener(this.#connected, this.#followConnection)
    server.prependListener('listening', this.#stayClosed)
    if (this.#speaksHttp1 || isHttp2) {
      server.prependListener('request', this.#followRequest)
      server.prependListener('checkContinue', this.#followContinue)
    }
    if (isHttp2) server.prependListener('session', this.#followSession)
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
    // Called once all connections have ended, with an error when it was not listening, which is as good.
    // `close` of node:http would also end, from Node.js 26 on, what was just accepted and has not been read yet.
    Server.prototype.close.call(this.#server, () => inTime.resolve(true))
    for (const session of this.#http2Sessions) session.close()
    // What is sent on a connection just accepted is read after this turn of the event loop, in the next.
    await turn()
    await turn()
    this.#server.close()
    this.#cutSilent()
    // A request from before we followed them leaves a connection behind that is kept alive.
    const sweep = setInterval(() => this.#server.closeIdleConnections?.(), sweepMs)
    const closed = await inTime.promise
    clearTimeout(timer)
    clearInterval(sweep)
    const holders = closed ? [] : this.#holders()
    for (const socket of [...this.#connections.keys(), ...this.#handshakes.values()]) socket.destroy()
    this.#server.closeAllConnections?.()
    return { closed, holders }
  }

  release(): void {
    this.#server.off('connection', this.#followHandshake)
    this.#server.off(this.#connected, this.#followConnection)
    this.#server.off('listening', this.#stayClosed)
    this.#server.off('request', this.#followRequest)
    this.#server.off('checkContinue', this.#followContinue)
    this.#server.off('session', this.#followSession)
  }

  /** A `listen()` that was looking up its host when we closed would go on listening. */
  readonly #stayClosed = (): void => {
    if (this.#state === 'closed') this.#server.close()
  }

  readonly #followHandshake = (socket: Socket): void => {
    const end = farEnd(socket)
    this.#handshakes.set(end, socket)
    socket.once('close', () => {
      if (this.#handshakes.get(end) === socket) this.#handshakes.delete(end)
    })
  }

  readonly #followConnection = (socket: Socket): void => {
    this.#handshakes.delete(farEnd(socket))
    this.#connections.set(socket, performance.now())
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** What node:http does when nobody listens to this event has to be done for it when only we do. */
  readonly #followContinue = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.#server.listenerCount('checkContinue') > 1) return this.#followRequest(request, response)
    response.writeContinue()
    this.#server.emit('request', request, response)
  }

  readonly #followRequest = ({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void => {
    if (httpVersionMajor > 1) return
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

  /** Ends connections that never asked for anything, such as those that browsers open ahead. */
  #cutSilent(): void {
    const asking = this.#speaksHttp1 ? this.#connections.keys() : []
    for (const socket of [...asking, ...this.#handshakes.values()]) {
      if (socket.bytesRead === 0) socket.destroy()
    }
  }

  /** Requests, and connections that have none: a WebSocket, a client of a TCP server. */
  #holders(): Holder[] {
    const now = performance.now()
    const idle = new Map(this.#connections)
    const requests = Array.from(this.#responses, ([{ req }, since]) => {
      idle.delete(req.socket)
      return { heldMs: now - since, label: `${req.method} ${req.url?.split('?', 1)[0]}` }
    })
    const connections = Array.from(idle, ([socket, since]) => {
      return { heldMs: now - since, label: `connection from ${farEnd(socket)}` }
    })
    return [...requests, ...connections]
  }
}

const sweepMs = 100

function farEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`
}

/** The part of a session of node:http2 that ends it in order. */
interface Http2Session {
  close(): void
  once(event: 'close', listener: () => void): unknown
}

function askToLeave(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
