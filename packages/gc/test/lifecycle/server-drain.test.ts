import { once } from 'node:events'
import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'
import { ask, listen, serve } from './serving.ts'

test('requests in flight finish, and their connections, the idle and the silent ones are closed', async () => {
  const slow = Promise.withResolvers<void>()
  const { server, port, lifecycle } = await serve((request, response) => {
    const { url } = request
    if (url === '/slow') void slow.promise.then(() => response.end(url))
    else response.end(url)
  })
  const agent = new Agent({ keepAlive: true })
  const idle = await ask(port, '/quick', agent)
  expect(idle.headers.connection).toBe('keep-alive')
  await text(idle)
  const silent = connect(port)
  await once(silent, 'connect')
  const arrived = once(server, 'request')
  const inFlight = ask(port, '/slow')
  await arrived
  const closing = lifecycle.close()
  await once(silent, 'close')
  await expect(ask(port, '/new')).rejects.toThrow('ECONNREFUSED')
  slow.resolve()
  const response = await inFlight
  expect([response.headers.connection, await text(response)]).toEqual(['close', '/slow'])
  const { closed, ms } = await closing
  expect(closed).toBe(true)
  expect(ms).toBeLessThan(4000)
  agent.destroy()
})

test('what was sent on a connection just accepted is answered', async () => {
  const { server, port, lifecycle } = await serve((_, response) => void response.end('done'))
  // As Node.js 26 does for the others: its `server.close()` begins with this.
  const accepted: Socket[] = []
  server.on('connection', (socket) => accepted.push(socket))
  server.closeIdleConnections = () => {
    for (const socket of accepted) if (socket.bytesRead === 0) socket.destroy()
  }
  const closing = Promise.withResolvers<void>()
  server.once('connection', () => closing.resolve(lifecycle[Symbol.asyncDispose]()))
  const client = connect(port)
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  expect(await text(client)).toMatch(/connection: close[^]*done$/i)
  await closing.promise
})

test('a connection that was promised to be kept alive is closed as soon as its response is out', async () => {
  const { server, port, lifecycle } = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 4 })
    response.write('ab')
    server.once('finish it', () => response.end('cd'))
  })
  const agent = new Agent({ keepAlive: true })
  const response = await ask(port, '/', agent)
  const closing = lifecycle.close()
  server.emit('finish it')
  expect([response.headers.connection, await text(response)]).toEqual(['keep-alive', 'abcd'])
  const { closed, ms } = await closing
  expect(closed).toBe(true)
  expect(ms).toBeLessThan(4000)
  agent.destroy()
})

test('during the pre-stop delay responses ask their clients to leave', async () => {
  const { port, lifecycle } = await serve((_, response) => void response.end(String(lifecycle.ready)))
  const closing = lifecycle.close({ preStopDelayMs: 2000 })
  const response = await ask(port, '/health')
  expect([response.headers.connection, await text(response)]).toEqual(['close', 'false'])
  void lifecycle.close({ deadlineMs: 1 })
  await closing
})

test('a request that hangs is cut off at the deadline and named without its query', async () => {
  const { server, port, lifecycle } = await serve(() => {}, 100)
  const arrived = once(server, 'request')
  const cut = expect(ask(port, '/slow?token=secret')).rejects.toThrow('socket hang up')
  await arrived
  const { closed, holders, steps } = await lifecycle.close()
  await cut
  expect(closed).toBe(false)
  expect(holders).toEqual([{ heldMs: expect.any(Number), label: 'Server: GET /slow' }])
  expect(steps).toMatchObject([{ name: 'Server', ok: false, timedOut: true }])
})

test('a connection from before its server was added is cut off too', async () => {
  const server = createServer(() => {})
  const arrived = once(server, 'request')
  const cut = expect(ask(await listen(server), '/')).rejects.toThrow('socket hang up')
  await arrived
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 100 })
  lifecycle.add(server)
  expect(await lifecycle.close()).toMatchObject({ closed: false, holders: [] })
  await cut
})

test('an upgraded connection is cut off at the deadline and named', async () => {
  const { server, port, lifecycle } = await serve(() => {}, 100)
  server.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  const client = connect(port)
  client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n')
  await once(client, 'data')
  const { holders } = await lifecycle.close()
  expect(holders).toMatchObject([
    { label: `Server: connection from ${client.localAddress}:${client.localPort}` },
  ])
  if (!client.closed) await once(client, 'close')
})

test('a request from before its server was added finishes, and leaves no connection behind', async () => {
  const slow = Promise.withResolvers<void>()
  const server = createServer((_, response) => void slow.promise.then(() => response.end('done')))
  const agent = new Agent({ keepAlive: true })
  const arrived = once(server, 'request')
  const asked = ask(await listen(server), '/', agent)
  await arrived
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  const closing = lifecycle.close()
  // Later than the idle connections are closed with the server.
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  slow.resolve()
  const response = await asked
  expect([response.headers.connection, await text(response)]).toEqual(['keep-alive', 'done'])
  expect(await closing).toMatchObject({ closed: true })
  agent.destroy()
})

test.each([
  ['node:http', 0],
  ['a listener', 1],
])('a request that %s told to go on is followed like others', async (_, own) => {
  const slow = Promise.withResolvers<void>()
  const answer: RequestListener = (_, response) => void slow.promise.then(() => response.end('done'))
  const { server, port, lifecycle } = await serve(answer)
  if (own === 1) {
    server.on('checkContinue', (request, response) => {
      response.writeContinue()
      answer(request, response)
    })
  }
  const agent = new Agent({ keepAlive: true })
  const asking = request({ port, agent, method: 'POST', headers: { expect: '100-continue' } })
  asking.flushHeaders()
  await once(asking, 'continue')
  asking.end('body')
  const closing = lifecycle.close()
  setImmediate(slow.resolve)
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  expect([response.headers.connection, await text(response)]).toEqual(['close', 'done'])
  expect(await closing).toMatchObject({ closed: true })
  agent.destroy()
})

test('a server that does not listen yet will not', async () => {
  const server = createServer()
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  server.listen(0, 'localhost')
  expect(await lifecycle.close()).toMatchObject({ closed: true })
  server.listen(0)
  await once(server, 'listening')
  await expect.poll(() => server.listening).toBe(false)
})

test('a server that its owner has closed already still lets its requests finish', async () => {
  const slow = Promise.withResolvers<void>()
  const { server, port, lifecycle } = await serve((_, response) => {
    void slow.promise.then(() => response.end('done'))
  })
  const arrived = once(server, 'request')
  const inFlight = ask(port, '/')
  await arrived
  server.close()
  const closing = lifecycle.close()
  setImmediate(slow.resolve)
  expect(await text(await inFlight)).toBe('done')
  expect(await closing).toMatchObject({ closed: true })
})

test('a server that opens during the pre-stop delay is drained with the others', async () => {
  const lifecycle = new LifecycleManager()
  const opening = Promise.withResolvers<Server>()
  void lifecycle.add(opening.promise, { name: 'opened late' })
  lifecycle.add(() => {}, { name: 'added later' })
  const closing = lifecycle.close({ preStopDelayMs: 2000 })
  const server = createServer((_, response) => void response.end())
  opening.resolve(server)
  const response = await ask(await listen(server), '/')
  expect(response.headers.connection).toBe('close')
  void lifecycle.close({ deadlineMs: 1 })
  const { steps } = await closing
  expect(steps.map(({ name }) => name)).toEqual(['pre-stop delay', 'opened late', 'added later'])
  expect(server.listening).toBe(false)
})

test('a server that opens once it was removed is not followed', async () => {
  const lifecycle = new LifecycleManager()
  const opening = Promise.withResolvers<Server>()
  void lifecycle.add(opening.promise)
  expect(lifecycle.remove(opening.promise)).toBe(true)
  const server = createServer()
  const before = server.listenerCount('connection')
  opening.resolve(server)
  await opening.promise
  expect(server.listenerCount('connection')).toBe(before)
  expect(lifecycle.remove(server)).toBe(false)
})

test('a removed server is followed no more', () => {
  const server = createServer()
  const names = ['connection', 'listening', 'request', 'checkContinue']
  const count = (): number[] => names.map((name) => server.listenerCount(name))
  const before = count()
  const lifecycle = new LifecycleManager()
  lifecycle.add(server)
  expect(count()).not.toEqual(before)
  expect(lifecycle.remove(server)).toBe(true)
  expect(count()).toEqual(before)
})
