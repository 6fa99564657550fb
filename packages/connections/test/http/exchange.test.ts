import { createServer } from 'node:net'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { freePort } from '@code/testkit'
import { expect, test } from 'vitest'
import { getHttpSession } from '../../src/http.ts'
import { listenTo } from '../messages.ts'
import { blackHole, serve, serveTcp } from './server.ts'

test('a server that says nothing ends in a typed error within the limit, and its connection is given up', async () => {
  await using server = await blackHole()
  await using session = getHttpSession(server.origin)
  const startedAt = performance.now()
  await expect(session.get('/x', { timeoutMs: 60 })).rejects.toMatchObject({
    name: 'ConnectionsError',
    code: 'CONNECTIONS_TIMEOUT',
    mayHaveRun: true,
    message: `GET ${server.origin}/x: no response after 60 ms`,
  })
  expect(performance.now() - startedAt).toBeLessThan(1060)
  await server.empty()
})

test('a request that waits behind others for a connection is answered within its own limit', async () => {
  await using server = await blackHole()
  await using session = getHttpSession(server.origin, { maxConnections: 1 })
  const first = session.get('/', { timeoutMs: 10_000 }).catch((error: unknown) => error)
  await expect(session.get('/', { timeoutMs: 60 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    mayHaveRun: false,
  })
  await session.close({ deadlineMs: 10 })
  expect(await first).toMatchObject({ code: 'CONNECTIONS_CLOSED' })
})

test('the limit covers the body: one that stops in the middle ends in a typed error', async () => {
  await using server = await serve((_, response) => void response.write('half'))
  await using session = getHttpSession(server.origin)
  await expect(session.get('/', { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
    message: expect.stringContaining('an unfinished body after 100 ms'),
  })
  const response = await session.get('/', { timeoutMs: 100, stream: true })
  await expect(text(response.body)).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
})

test('nobody listening is CONNECTIONS_REFUSED with its cause', async () => {
  await using session = getHttpSession(`http://127.0.0.1:${await freePort()}`)
  await expect(session.get('/')).rejects.toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
  })
})

test('an abort rejects with the reason of its signal and gives the connection up', async () => {
  const arrived = Promise.withResolvers<void>()
  await using server = await serve(() => arrived.resolve())
  await using session = getHttpSession(server.origin)
  const controller = new AbortController()
  const reason = { because: 'not an Error' }
  const request = session.get('/', { signal: controller.signal }).catch((error: unknown) => error)
  await arrived.promise
  controller.abort(reason)
  expect(await request).toBe(reason)
  await server.empty()
  await expect(session.get('/', { signal: controller.signal })).rejects.toBe(reason)
})

test('a body over maxBodyBytes is refused, and the next request is served', async () => {
  await using server = await serve(
    (request, response) => void response.end('x'.repeat(Number(request.url?.slice(1)))),
  )
  await using session = getHttpSession(server.origin, { maxBodyBytes: 1000 })
  await expect(session.get('/1001')).rejects.toMatchObject({ code: 'CONNECTIONS_BODY_TOO_LARGE' })
  expect((await session.get('/1000')).text()).toHaveLength(1000)
  expect((await session.get('/2000', { maxBodyBytes: 2000 })).text()).toHaveLength(2000)
})

test('an idempotent request that meets a dead kept-alive connection is sent once more', async () => {
  // The first connection answers once and dies at the second request, as one closed by an idle timeout does.
  await using server = await serveTcp((socket, nth) => {
    let requests = 0
    socket.on('data', () => {
      if (++requests === 2 && nth === 1) socket.resetAndDestroy()
      else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n#${nth}`)
    })
  })
  await using session = getHttpSession(server.origin, { maxConnections: 1 })
  using listening = listenTo('code:connections:http')
  expect((await session.get('/')).text()).toBe('#1')
  expect((await session.put('/', { json: 1 })).text()).toBe('#2')
  expect(listening.messages).toMatchObject([{ retries: 0 }, { retries: 1 }])
  expect(session.stats().retries).toBe(1)
})

test('a request that may not be repeated is CONNECTIONS_LOST on a dead connection', async () => {
  await using server = await serveTcp((socket, nth) => {
    let requests = 0
    socket.on('data', () => {
      if (++requests === 2 && nth === 1) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
  await using session = getHttpSession(server.origin, { maxConnections: 1 })
  await session.get('/')
  await expect(session.post('/', { json: 1 })).rejects.toMatchObject({
    code: 'CONNECTIONS_LOST',
    mayHaveRun: true,
    cause: expect.any(Error),
  })
  expect((await session.get('/')).ok).toBe(true)
})

test('an idempotent request is sent twice at most', async () => {
  await using server = await serveTcp((socket) => void socket.on('data', () => socket.destroy()))
  await using session = getHttpSession(server.origin)
  await expect(session.get('/')).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect(server.accepted()).toBe(2)
})

test('a response that breaks off is lost, not repeated', async () => {
  await using server = await serveTcp(
    (socket) => void socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')),
  )
  await using session = getHttpSession(server.origin)
  await expect(session.get('/')).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  expect(server.accepted()).toBe(1)
  const response = await session.get('/', { stream: true })
  await expect(text(response.body)).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
})

test("what the caller's own body throws is thrown on, and the next request is served", async () => {
  await using server = await serve(
    (request, response) => void request.resume().on('end', () => response.end()),
  )
  await using session = getHttpSession(server.origin)
  const mistake = new Error('the file is torn')
  async function* torn(): AsyncIterable<Uint8Array> {
    yield Buffer.from('half')
    throw mistake
  }
  await expect(session.put('/', { body: torn() })).rejects.toBe(mistake)
  await expect(session.put('/', { body: Readable.from(torn()) })).rejects.toBe(mistake)
  const errored = new Readable().destroy(mistake)
  await once(errored, 'close').catch(() => {})
  await expect(session.put('/', { body: errored })).rejects.toBe(mistake)
  expect((await session.put('/', { body: Readable.from([Buffer.from('whole')]) })).ok).toBe(true)
})

test('a connection that breaks under a streamed body is CONNECTIONS_LOST', async () => {
  await using server = await serveTcp((socket) => void socket.once('data', () => socket.resetAndDestroy()))
  await using session = getHttpSession(server.origin)
  await expect(session.put('/', { body: endless() })).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
  const body = Readable.from(endless())
  await expect(session.put('/', { body })).rejects.toMatchObject({ code: 'CONNECTIONS_LOST' })
})

test('a session recovers by itself when its server comes back', async () => {
  const port = await freePort()
  await using session = getHttpSession(`http://127.0.0.1:${port}`)
  await expect(session.get('/')).rejects.toMatchObject({ code: 'CONNECTIONS_REFUSED' })
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect((await session.get('/')).status).toBe(204)
  server.close()
})

test('each exchange is told on its channel', async () => {
  await using server = await serve(
    (request, response) => void response.writeHead(request.url === '/' ? 200 : 404).end(),
  )
  await using session = getHttpSession(server.origin)
  using listening = listenTo('code:connections:http')
  await session.get('/')
  await session.delete('/none')
  await expect(session.get('/', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
  const ms = expect.any(Number)
  const { origin } = server
  expect(listening.messages).toEqual([
    { origin, method: 'GET', status: 200, ms, ok: true, retries: 0 },
    { origin, method: 'DELETE', status: 404, ms, ok: false, retries: 0 },
  ])
})

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) yield Buffer.alloc(1000)
}
