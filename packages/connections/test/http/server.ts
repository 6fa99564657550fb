import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net'

export type Listener = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A real HTTP server that counts its connections. */
export async function serve(listener: Listener): Promise<TestServer> {
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    (request, response) => void listener(request, response),
  )
  return listening(server)
}

/** A server that accepts and never says a word. */
export async function blackHole(): Promise<TestServer> {
  return listening(createTcpServer((socket) => socket.on('error', () => {}).resume()))
}

/** A server that answers each connection's bytes as the test likes. */
export async function serveTcp(onSocket: (socket: Socket, nth: number) => void): Promise<TestServer> {
  let nth = 0
  return listening(
    createTcpServer((socket) =>
      onSocket(
        socket.on('error', () => {}),
        ++nth,
      ),
    ),
  )
}

export interface TestServer extends AsyncDisposable {
  readonly origin: string
  readonly port: number
  /** Sockets open now. */
  readonly open: ReadonlySet<Socket>
  /** Sockets accepted so far. */
  readonly accepted: () => number
  /** Resolves when no socket is open. */
  readonly empty: () => Promise<void>
}

async function listening(server: Server | TcpServer): Promise<TestServer> {
  const open = new Set<Socket>()
  let accepted = 0
  let onEmpty: (() => void) | undefined
  server.on('connection', (socket: Socket) => {
    accepted++
    open.add(socket)
    socket.on('close', () => {
      open.delete(socket)
      if (open.size === 0) onEmpty?.()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    open,
    accepted: () => accepted,
    empty: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => (onEmpty = resolve))),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
