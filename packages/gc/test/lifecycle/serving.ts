import { once } from 'node:events'
import {
  createServer,
  get,
  type Agent,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import type { AddressInfo, Server as TcpServer } from 'node:net'
import { LifecycleManager } from '../../src/index.ts'

/** An HTTP server that listens, in a lifecycle of its own. */
export async function serve(
  listener: RequestListener,
  stepDeadlineMs = 5000,
): Promise<{ server: Server; port: number; lifecycle: LifecycleManager }> {
  const server = createServer(listener)
  const lifecycle = new LifecycleManager({ stepDeadlineMs })
  lifecycle.add(server)
  return { server, port: await listen(server), lifecycle }
}

export async function listen(server: TcpServer): Promise<number> {
  server.listen(0, 'localhost')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export async function ask(port: number, path: string, agent?: Agent): Promise<IncomingMessage> {
  const [response] = await once(get({ port, path, agent }), 'response')
  return response as IncomingMessage
}
