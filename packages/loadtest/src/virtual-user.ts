import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { EncodedRequest } from './load-request.ts'
import { ResponseParser } from './response-parser.ts'

/** What keeps a request from getting a response. */
export type ConnectionFailure = 'connect' | 'timeout' | 'reset' | 'malformed'

/** What a virtual user is told by the run it belongs to, and what it tells the run. */
export interface UserContext {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly thinkTimeMs: number
  readonly maxHeaderBytes: number
  /** How much of each response to keep for `answered`; `undefined`: nothing, only its status. */
  readonly maxKeptBytes: number | undefined
  /** Whether there may be a next request: a pause before it is for nothing otherwise. */
  readonly isSending: boolean
  /** The next request, `undefined` when the user is to stop. */
  draw(): EncodedRequest | undefined
  answered(request: EncodedRequest, response: ResponseParser, startedAt: number, endedAt: number): void
  failed(kind: ConnectionFailure, message: string, startedAt: number): void
  received(bytes: number): void
  connecting(): void
  connected(): void
  disconnected(): void
  /** The user will send no more requests. */
  stopped(): void
}

/** One user of a closed load model: one connection, one request at a time, the next when it is answered. */
export class VirtualUser {
  readonly #context: UserContext
  readonly #parser: ResponseParser
  // Of its own, since on some systems a read is handed its memory long before it happens.
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes)
  #socket: Socket | undefined
  #isConnected = false
  #answers = 0
  #isHeard = false
  #request: EncodedRequest | undefined
  #startedAt = 0
  #pause: NodeJS.Timeout | undefined
  #backoffMs = 0

  constructor(context: UserContext) {
    this.#context = context
    this.#parser = new ResponseParser(context.maxHeaderBytes, context.maxKeptBytes)
  }

  /** Sends the next request, and so on until there is none. */
  next(): void {
    this.#pause = undefined
    const request = this.#context.draw()
    if (request === undefined) return this.#context.stopped()
    this.#request = request
    this.#startedAt = performance.now()
    this.#send(request)
  }

  /** Ends a pause at once. A request that is in flight goes on. */
  wake(): void {
    if (this.#pause === undefined) return
    clearTimeout(this.#pause)
    this.next()
  }

  /** Fails the request in flight if it has had its time. */
  expire(now: number): void {
    if (this.#request === undefined || now - this.#startedAt < this.#context.timeoutMs) return
    const where = this.#isConnected ? 'no whole response' : 'no connection'
    this.#fail('timeout', `${where} within ${this.#context.timeoutMs} ms`)
  }

  /** Drops everything, the request in flight too. */
  destroy(): void {
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#request = undefined
    this.#disconnect()
  }

  #send(request: EncodedRequest): void {
    this.#socket ??= this.#connect()
    this.#parser.begin(request.isHead)
    this.#isHeard = false
    this.#socket.write(request.bytes)
  }

  #connect(): Socket {
    const { host, port } = this.#context
    const onread = { buffer: this.#buffer, callback: (bytes: number) => this.#read(bytes) }
    const socket = connect({ host, port, noDelay: true, onread })
    this.#isConnected = false
    this.#answers = 0
    this.#context.connecting()
    socket.on('connect', () => {
      if (socket !== this.#socket) return
      this.#isConnected = true
      this.#context.connected()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#lost(error.message || String(error.code))
    })
    socket.on('end', () => {
      if (socket !== this.#socket) return
      if (this.#request !== undefined && this.#parser.end() === 'done') this.#answer(this.#request)
      else this.#lost('the target closed the connection before the response was whole')
    })
    socket.on('close', () => this.#context.disconnected())
    return socket
  }

  #disconnect(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }

  #read(bytes: number): boolean {
    this.#context.received(bytes)
    this.#isHeard = true
    const request = this.#request
    // Nobody asked: a target that says 408 before it closes an idle connection, for one.
    if (request === undefined) this.#disconnect()
    else {
      const verdict = this.#parser.push(this.#buffer, bytes)
      if (verdict === 'done') this.#answer(request)
      else if (verdict === 'malformed') this.#fail('malformed', this.#parser.fault)
    }
    return true
  }

  #answer(request: EncodedRequest): void {
    const endedAt = performance.now()
    this.#request = undefined
    this.#answers++
    this.#backoffMs = 0
    if (request.close || !this.#parser.keepAlive) this.#disconnect()
    this.#context.answered(request, this.#parser, this.#startedAt, endedAt)
    this.#nextAfter(this.#context.thinkTimeMs)
  }

  #lost(message: string): void {
    const request = this.#request
    const isReused = this.#answers > 0
    if (request === undefined) this.#disconnect()
    else if (isReused && !this.#isHeard && request.isRepeatable) {
      // The target closed an idle connection while the request was on its way. RFC 9112 §9.3.1: ask again.
      this.#disconnect()
      this.#send(request)
    } else this.#fail(this.#isConnected ? 'reset' : 'connect', message)
  }

  #fail(kind: ConnectionFailure, message: string): void {
    this.#request = undefined
    this.#disconnect()
    this.#context.failed(kind, message, this.#startedAt)
    // A target that is down answers at once: without a pause this user would only spin. A timeout is one.
    const isDown = this.#answers === 0 && kind !== 'timeout'
    this.#backoffMs = isDown ? Math.min(Math.max(2 * this.#backoffMs, 20), 1000) : 0
    this.#nextAfter(Math.max(this.#backoffMs, this.#context.thinkTimeMs))
  }

  #nextAfter(ms: number): void {
    if (ms === 0 || !this.#context.isSending) this.next()
    else this.#pause = setTimeout(() => this.next(), ms)
  }
}

const readBytes = 32 * 1024
