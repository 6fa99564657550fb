import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, vi } from 'vitest'
import type { TcpProxy } from '../src/index.ts'

export interface TestServer extends AsyncDisposable {
  readonly port: number
  /** The sockets it has, once there are so many. */
  takes(count: number): Promise<readonly Socket[]>
}

export async function startServer(
  serve: (socket: Socket) => unknown = (socket) => socket.resume(),
): Promise<TestServer> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}))
    void serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async takes(count) {
      await vi.waitFor(() => expect(sockets.length).toBeGreaterThanOrEqual(count))
      return sockets
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export function echo(socket: Socket): void {
  socket.pipe(socket)
}

export interface TestClient extends AsyncDisposable {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  readonly error: Error | undefined
  text(): string
  /** Waits until all it has received is this. */
  receives(text: string): Promise<void>
}

export async function dial(
  { host, port }: TcpProxy,
  options: { allowHalfOpen?: boolean } = {},
): Promise<TestClient> {
  const socket = connect({ host, port, ...options })
  await once(socket, 'connect')
  let text = ''
  let error: Error | undefined
  const closed = closing(socket)
  socket.on('data', (chunk) => (text += chunk.toString())).on('error', (thrown) => (error = thrown))
  return {
    socket,
    closed,
    get error() {
      return error
    },
    text: () => text,
    receives: (expected) => vi.waitFor(() => expect(text).toBe(expected), { timeout: 5000, interval: 5 }),
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await closed
    },
  }
}

/** Resolves when the socket is closed, with whether by an error. */
export function closing(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve))
}
