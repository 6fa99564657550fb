import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { expect, test, vi } from 'vitest'
import { startPostgres, startProxy, superviseProcess } from '../src/index.ts'
import { closing, dial, echo, startServer } from './peers.ts'

test('a cut ends both sides in order after what was forwarded, and loses what was held', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  client.socket.write('before')
  await client.receives('before')
  const [peer] = await server.takes(1)
  proxy.stall('toClient')
  client.socket.write('held')
  await vi.waitFor(() => expect(proxy.stats().toClient.heldBytes).toBe(4))
  const ended = once(peer!, 'end')
  proxy.cut()
  await Promise.all([ended, client.closed])
  expect([client.text(), client.error]).toEqual(['before', undefined])
  expect(proxy.stats().toClient).toMatchObject({ bytes: 6, heldBytes: 0 })
  await vi.waitFor(() => expect(proxy.stats().open).toBe(0))
})

test('a reset breaks both sides at once', async () => {
  await using server = await startServer()
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  const [peer] = await server.takes(1)
  const broken = closing(peer!)
  proxy.stall()
  proxy.reset()
  await client.closed
  expect(client.error).toMatchObject({ code: 'ECONNRESET' })
  expect(await broken).toBe(true)
})

test('a refusing proxy keeps its connections, takes no new ones, and takes them again on its port', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  const { port } = proxy
  await using client = await dial(proxy)
  await proxy.refuse()
  await proxy.refuse()
  await expect(dial(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  client.socket.write('still here')
  await client.receives('still here')
  await Promise.all([proxy.accept(), proxy.refuse(), proxy.accept()])
  await proxy.accept()
  expect(proxy.port).toBe(port)
  await using next = await dial(proxy)
  next.socket.write('back')
  await next.receives('back')
})

test('a port that was taken meanwhile is told', async () => {
  await using proxy = await startProxy({ port: 1 })
  await proxy.refuse()
  const thief = createServer().listen(proxy.port, proxy.host)
  await once(thief, 'listening')
  await expect(proxy.accept()).rejects.toMatchObject({
    code: 'PROXY_FAILED',
    cause: expect.objectContaining({ code: 'EADDRINUSE' }),
  })
  thief.close()
  await once(thief, 'close')
  await proxy.accept()
})

test.each(['toServer', 'toClient'] as const)(
  'a connection is cut in the middle of a message %s, and the one after it lives',
  async (direction) => {
    await using server = await startServer(echo)
    await using proxy = await startProxy(server)
    await using client = await dial(proxy)
    client.socket.write('whole,')
    await client.receives('whole,')
    proxy.cutAfter(7, direction)
    client.socket.write('once,')
    await client.receives('whole,once,')
    client.socket.write('twice')
    await client.closed
    expect(proxy.stats()[direction]).toEqual({ bytes: 13, chunks: 3, heldBytes: 0 })
    if (direction === 'toClient') expect(client.text()).toBe('whole,once,tw')
    await using next = await dial(proxy)
    next.socket.write('more than seven bytes')
    await next.receives('more than seven bytes')
  },
)

test('a connection can be cut before its first byte', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  proxy.cutAfter(0, 'toClient')
  await using client = await dial(proxy)
  client.socket.write('hello')
  await client.closed
  expect([client.text(), client.error]).toEqual(['', undefined])
  expect(proxy.stats()).toMatchObject({ toServer: { bytes: 5 }, toClient: { bytes: 0, chunks: 0 } })
})

test('garbage is injected as if the other side had sent it', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using first = await dial(proxy)
  await using second = await dial(proxy)
  proxy.inject(Uint8Array.of(0x21, 0x3f))
  await Promise.all([first.receives('!?'), second.receives('!?')])
  await server.takes(2)
  proxy.inject('echo', 'toServer')
  await Promise.all([first.receives('!?echo'), second.receives('!?echo')])
  expect(proxy.stats()).toMatchObject({ toServer: { bytes: 8 }, toClient: { bytes: 12 } })
})

test('a close ends everything, stalled and delayed as it may be, and leaves no socket', async () => {
  const before = tcpHandles()
  {
    await using server = await startServer(echo)
    const proxy = await startProxy(server)
    await using client = await dial(proxy, { allowHalfOpen: true })
    await server.takes(1)
    proxy.delay(2 ** 31 - 1, 'toClient')
    proxy.stall('toServer')
    proxy.inject('never')
    client.socket.write('never')
    await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBe(5))
    await Promise.all([proxy.close(), proxy.close()])
    expect(proxy.stats()).toMatchObject({
      open: 0,
      toServer: { heldBytes: 0 },
      toClient: { heldBytes: 0 },
    })
    await expect(dial(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await expect(proxy.accept()).rejects.toMatchObject({ code: 'PROXY_FAILED' })
  }
  await vi.waitFor(() => expect(tcpHandles()).toBe(before))
})

test('a closed proxy does not keep its process alive', async () => {
  await using child = await superviseProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL('fixtures/closes-delaying-proxy.ts', import.meta.url))],
  })
  expect(await child.exited).toMatchObject({ code: 0 })
  expect(child.output()).toBe('closed while holding 6 bytes')
})

test('a wrong argument is thrown at once, with what came', async () => {
  await expect(startProxy({ port: 0 })).rejects.toThrow(
    new RangeError('port must be an integer from 1 to 65535, got 0'),
  )
  await expect(startProxy({ port: '80' as unknown as number })).rejects.toThrow(
    new TypeError(`port must be an integer from 1 to 65535, got '80'`),
  )
  await expect(startProxy({ port: 80, host: 7 as unknown as string })).rejects.toThrow(
    new TypeError('host must be a string, got 7'),
  )
  await using proxy = await startProxy({ port: 1 })
  const wrong = proxy as unknown as Record<string, (...args: unknown[]) => void>
  const ms = 'ms must be milliseconds from 0 to 2147483647'
  expect(() => wrong['delay']!(-1)).toThrow(new RangeError(`${ms}, got -1`))
  expect(() => wrong['delay']!(NaN)).toThrow(new RangeError(`${ms}, got NaN`))
  expect(() => wrong['delay']!('1s')).toThrow(new TypeError(`${ms}, got '1s'`))
  const direction = `direction must be 'toServer' or 'toClient', got`
  expect(() => wrong['stall']!('up')).toThrow(new TypeError(`${direction} 'up'`))
  expect(() => wrong['cutAfter']!(1)).toThrow(new TypeError(`${direction} undefined`))
  expect(() => wrong['cutAfter']!(1.5, 'toClient')).toThrow(
    new RangeError('bytes must be an integer from 0, got 1.5'),
  )
  expect(() => wrong['inject']!(7)).toThrow(new TypeError('bytes must be a Uint8Array or a string, got 7'))
  expect(proxy.stats()).toMatchObject({ open: 0, accepted: 0 })
})

test('a client of a real Postgres waits in the hole, breaks in mid-message, and meets garbage', async () => {
  await using server = await startPostgres()
  await using proxy = await startProxy(server)
  const login = async (): Promise<Client> => {
    const { user, password, database } = server
    const client = new Client({ host: proxy.host, port: proxy.port, user, password, database })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const first = await login()
  proxy.stall()
  const answer = first.query<{ n: number }>('select 1 as n')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBeGreaterThan(0))
  proxy.resume()
  expect((await answer).rows).toEqual([{ n: 1 }])
  proxy.cutAfter(1000, 'toClient')
  await expect(first.query(`select repeat('x', 100000)`)).rejects.toThrow('terminated unexpectedly')
  const second = await login()
  expect((await second.query('select 2 as n')).rows).toEqual([{ n: 2 }])
  await second.end()
  const third = await login()
  const failure = once(third, 'error')
  proxy.inject(`HTTP/1.1 400 Bad Request\r\n\r\n${'?'.repeat(100)}`)
  proxy.cut()
  expect((await failure)[0]).toBeInstanceOf(Error)
  await vi.waitFor(() => expect(proxy.stats()).toMatchObject({ open: 0, accepted: 3 }))
})

function tcpHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
}
