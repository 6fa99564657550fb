import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import {
  connect as connectHttp2,
  createSecureServer as createSecureHttp2Server,
  createServer as createHttp2Server,
} from 'node:http2'
import { Agent as TlsAgent, createServer as createTlsServer, request as requestTls } from 'node:https'
import { connect, createServer as createTcpServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'
import { listen } from './serving.ts'

test('a TCP server lets its connections end, and cuts off the others at the deadline', async () => {
  const server = createTcpServer(
    { allowHalfOpen: false },
    (socket) => void socket.on('error', () => {}).resume(),
  )
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 100 })
  lifecycle.add(server)
  const port = await listen(server)
  const clients = [connect(port), connect(port)]
  await Promise.all(clients.map((client) => once(client, 'connect')))
  await expect.poll(() => new Promise((resolve) => server.getConnections((_, n) => resolve(n)))).toBe(2)
  const closing = lifecycle.close()
  clients[0]!.end()
  expect((await closing).holders).toHaveLength(1)
  if (!clients[1]!.closed) await once(clients[1]!, 'close')
})

test('an HTTPS server lets requests in flight finish, and cuts off connections without any', async () => {
  const key = { psk: Buffer.from('00112233', 'hex'), identity: 'tester' }
  const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const
  const slow = Promise.withResolvers<void>()
  const server = createTlsServer({ ...tls, pskCallback: () => key.psk }, (_, response) => {
    void slow.promise.then(() => response.end('done'))
  })
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  const port = await listen(server)
  const options = { ...tls, port, pskCallback: () => key, checkServerIdentity: () => undefined }
  const silent = connectTls(options)
  await once(silent, 'secureConnect')
  const client = requestTls(options)
  const arrived = once(server, 'request')
  client.end()
  const answered = once(client, 'response')
  await arrived
  const closing = lifecycle.close()
  await once(silent, 'close')
  slow.resolve()
  const [response] = (await answered) as [IncomingMessage]
  expect([response.headers.connection, await text(response)]).toEqual(['close', 'done'])
  expect(await closing).toMatchObject({ closed: true })
})

test('an HTTPS server cuts off connections that never began their handshake', async () => {
  const server = createTlsServer()
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  const accepted = once(server, 'connection')
  const raw = connect(await listen(server))
  raw.on('error', () => {})
  await accepted
  expect(await lifecycle.close()).toMatchObject({ closed: true })
  if (!raw.closed) await once(raw, 'close')
})

test('requests of HTTP/1 to an HTTP/2 server are asked to leave like others', async () => {
  const key = { psk: Buffer.from('00112233', 'hex'), identity: 'tester' }
  const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const
  const slow = Promise.withResolvers<void>()
  const server = createSecureHttp2Server(
    { ...tls, allowHTTP1: true, pskCallback: () => key.psk },
    (_, response) => {
      void slow.promise.then(() => response.end('done'))
    },
  )
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  const port = await listen(server)
  const agent = new TlsAgent({ keepAlive: true })
  const options = { ...tls, agent, port, pskCallback: () => key, checkServerIdentity: () => undefined }
  const arrived = once(server, 'request')
  const client = requestTls(options).end()
  const answered = once(client, 'response')
  await arrived
  const closing = lifecycle.close()
  slow.resolve()
  const [response] = (await answered) as [IncomingMessage]
  expect([response.headers.connection, await text(response)]).toEqual(['close', 'done'])
  expect(await closing).toMatchObject({ closed: true })
  agent.destroy()
})

test('sessions of an HTTP/2 server end once their streams have', async () => {
  const slow = Promise.withResolvers<void>()
  const server = createHttp2Server((_, response) => {
    void slow.promise.then(() => response.end('done'))
  })
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  const client = connectHttp2(`http://localhost:${await listen(server)}`)
  const arrived = once(server, 'request')
  const stream = client.request({ ':path': '/' })
  const answer = text(stream)
  await arrived
  const closing = lifecycle.close()
  slow.resolve()
  expect(await answer).toBe('done')
  expect(await closing).toMatchObject({ closed: true })
})
