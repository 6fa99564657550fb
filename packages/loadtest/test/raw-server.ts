import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface RawServer extends AsyncDisposable {
  readonly url: string
  /** What came in, one entry a read: a request of the tester is one write. */
  readonly requests: readonly string[]
  /** Connections accepted so far. */
  readonly accepted: number
  /** Connections open now. */
  readonly open: number
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A server that says whatever bytes the test wants said. */
export async function rawServer(answer: (socket: Socket, nth: number) => void, port = 0): Promise<RawServer> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // The tester resets connections in many of these tests.
    socket.on('error', () => {})
    socket.on('data', (bytes) => answer(socket, requests.push(bytes.toString('latin1'))))
    accepted++
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    get accepted() {
      return accepted
    },
    get open() {
      return sockets.size
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
