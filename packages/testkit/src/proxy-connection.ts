import { connect, type Socket } from 'node:net'

/** One direction of all connections of a proxy: what is wrong with it, and what has passed. */
export interface Way {
  delayMs: number
  stalled: boolean
  cutAfter: number | undefined
  bytes: number
  chunks: number
  heldBytes: number
}

/** A client, the server it wanted, and a lane each way between the two. */
export class ProxyConnection {
  readonly toServer: Lane
  readonly toClient: Lane
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<unknown>
  readonly #sockets: readonly [client: Socket, server: Socket]
  #isOpen = true

  constructor(
    client: Socket,
    target: { readonly host: string; readonly port: number },
    ways: { readonly toServer: Way; readonly toClient: Way },
  ) {
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true })
    this.#sockets = [client, server]
    const cut = (): void => this.cut()
    this.toServer = new Lane(client, server, ways.toServer, cut)
    this.toClient = new Lane(server, client, ways.toClient, cut)
    const hungUp = (): void => void (this.#isOpen = false)
    client.on('end', hungUp).on('close', hungUp)
    this.closed = Promise.all(this.#sockets.map((socket) => closing(socket)))
  }

  /** Whether the client has not hung up. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  cut(): void {
    this.toServer.drop()
    this.toClient.drop()
    for (const socket of this.#sockets) socket.end()
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async destroy(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await this.closed
  }
}

/** Carries what one socket sends, its end and its reset included, to the other: in order, and as its way allows. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #way: Way
  readonly #cut: () => void
  readonly #held: { readonly what: Buffer | Ending; readonly arrivedAt: number }[] = []
  #heldBytes = 0
  #passedBytes = 0
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, way: Way, cut: () => void) {
    this.#from = from
    this.#to = to
    this.#way = way
    this.#cut = cut
    from.on('data', (chunk) => this.take(chunk))
    from.on('end', () => this.take('end'))
    from.on('close', (hadError) => hadError && this.take('reset'))
    to.on('drain', () => this.move())
    to.on('close', () => this.drop())
  }

  take(what: Buffer | Ending): void {
    if (this.#to.destroyed) return
    if (typeof what === 'string') this.#hasEnded = true
    else if (this.#hasEnded) return
    else this.#hold(what.length)
    this.#held.push({ what, arrivedAt: performance.now() })
    this.move()
  }

  /** Forwards what may go now. */
  move(): void {
    clearTimeout(this.#timer)
    let waitMs = this.#waitMs()
    for (; waitMs <= 0; waitMs = this.#waitMs()) this.#forward(this.#held.shift()!.what)
    if (waitMs < Infinity) this.#timer = setTimeout(() => this.move(), Math.ceil(waitMs))
    if (this.#heldBytes < maxHeldBytes) this.#from.resume()
    else this.#from.pause()
  }

  /** Loses what is held, and all that comes. */
  drop(): void {
    this.#hasEnded = true
    this.#held.length = 0
    this.#hold(-this.#heldBytes)
    this.move()
  }

  countAnew(): void {
    this.#passedBytes = 0
  }

  /** Until the next may go. Infinity when something other than time must pass. */
  #waitMs(): number {
    const [next] = this.#held
    if (next === undefined || this.#way.stalled || this.#to.writableNeedDrain) return Infinity
    return next.arrivedAt + this.#way.delayMs - performance.now()
  }

  #forward(what: Buffer | Ending): void {
    if (what === 'end') this.#to.end()
    else if (what === 'reset') this.#to.resetAndDestroy()
    else this.#write(what)
  }

  #write(chunk: Buffer): void {
    this.#hold(-chunk.length)
    const { cutAfter = Infinity } = this.#way
    const part = chunk.subarray(0, cutAfter - this.#passedBytes)
    if (part.length > 0) {
      this.#to.write(part)
      this.#passedBytes += part.length
      this.#way.bytes += part.length
      this.#way.chunks++
    }
    if (this.#passedBytes < cutAfter) return
    this.#way.cutAfter = undefined
    this.#cut()
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes
    this.#way.heldBytes += bytes
  }
}

type Ending = 'end' | 'reset'

/** Of one connection in one direction: enough for a slow link, and no home for a stream that nobody reads. */
const maxHeldBytes = 1_048_576

async function closing(socket: Socket): Promise<void> {
  // An error is no news of its own here: 'close' tells of it, and passes it on.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
}
