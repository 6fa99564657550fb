import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { freePort, startProxy } from '../src/index.ts'
import { closing, dial, echo, startServer } from './peers.ts'

test('bytes pass both ways and are counted', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  client.socket.write('hello')
  await client.receives('hello')
  const traffic = { bytes: 5, chunks: 1, heldBytes: 0 }
  expect(proxy.stats()).toEqual({ open: 1, accepted: 1, toServer: traffic, toClient: traffic })
  expect(Object.isFrozen(proxy.stats())).toBe(true)
})

test('a half-close passes, and the answer after it comes back', async () => {
  await using server = await startServer((socket) => socket.on('end', () => socket.end('goodbye')))
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  client.socket.end()
  await client.receives('goodbye')
  await client.closed
  expect(client.error).toBe(undefined)
  expect(proxy.stats()).toMatchObject({ open: 0, accepted: 1 })
})

test('who has heard the server end can still speak', async () => {
  await using server = await startServer(() => {})
  await using proxy = await startProxy(server)
  await using client = await dial(proxy, { allowHalfOpen: true })
  const [peer] = await server.takes(1)
  const ended = once(client.socket, 'end')
  peer!.end()
  await ended
  client.socket.end('last words')
  expect(String(await peer!.toArray())).toBe('last words')
})

test('a reset by either side reaches the other', async () => {
  await using server = await startServer()
  await using proxy = await startProxy(server)
  await using first = await dial(proxy)
  await using second = await dial(proxy)
  const [toReset, toWatch] = await server.takes(2)
  toReset!.resetAndDestroy()
  await first.closed
  expect(first.error).toMatchObject({ code: 'ECONNRESET' })
  const told = closing(toWatch!)
  second.socket.resetAndDestroy()
  expect(await told).toBe(true)
})

test('a client of a server that is not there is reset', async () => {
  await using proxy = await startProxy({ port: await freePort() })
  await using client = await dial(proxy)
  await client.closed
  expect(client.error).toMatchObject({ code: 'ECONNRESET' })
})

test('a slow reader slows the writer down instead of filling the memory', async () => {
  let received = 0
  let mostHeld = 0
  const total = 100 * 1_048_576
  await using server = await startServer(async (socket) => {
    for await (const chunk of socket) {
      received += (chunk as Buffer).length
      mostHeld = Math.max(mostHeld, proxy.stats().toServer.heldBytes)
      await setImmediate()
    }
    socket.end()
  })
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  const megabyte = Buffer.alloc(1_048_576)
  await pipeline(
    Array.from({ length: 100 }, () => megabyte),
    client.socket,
  )
  await client.closed
  expect(received).toBe(total)
  expect(mostHeld).toBeGreaterThan(0)
  expect(mostHeld).toBeLessThan(1_048_576 + 65_537)
})

test('a delay holds every chunk back as long, in order, with the end behind them', async () => {
  await using server = await startServer()
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  const [peer] = await server.takes(1)
  proxy.delay(100, 'toClient')
  const startedAt = performance.now()
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  for (const letter of letters) proxy.inject(letter)
  peer!.end()
  await client.receives(letters)
  await client.closed
  const ms = performance.now() - startedAt
  expect(ms).toBeGreaterThanOrEqual(100)
  // One after the other they would need 2,600.
  expect(ms).toBeLessThan(1500)
  expect(proxy.stats().toClient).toEqual({ bytes: 26, chunks: 26, heldBytes: 0 })
})

test('a delay that is switched off lets go of what it held', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  proxy.delay(2 ** 31 - 1)
  client.socket.write('late')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBe(4))
  proxy.delay(0)
  await client.receives('late')
})

test('a stalled proxy takes bytes, of new connections too, and forwards them when it resumes', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using old = await dial(proxy)
  proxy.stall()
  await using young = await dial(proxy)
  old.socket.write('one')
  young.socket.write('three')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBe(8))
  expect(proxy.stats()).toMatchObject({ open: 2, toServer: { bytes: 0, chunks: 0 } })
  old.socket.write('two')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBe(11))
  proxy.resume()
  await Promise.all([old.receives('onetwo'), young.receives('three')])
  expect(proxy.stats().toServer.heldBytes).toBe(0)
})

test('one direction can stall alone', async () => {
  await using server = await startServer(echo)
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  proxy.stall('toClient')
  client.socket.write('asked')
  await vi.waitFor(() => expect(proxy.stats().toClient.heldBytes).toBe(5))
  expect(proxy.stats()).toMatchObject({ toServer: { bytes: 5 }, toClient: { bytes: 0 } })
  proxy.resume('toServer')
  expect(proxy.stats().toClient.heldBytes).toBe(5)
  proxy.resume('toClient')
  await client.receives('asked')
})

test('a black hole takes 1 MiB of a stream and no more, and loses none of it', async () => {
  let received = 0
  await using server = await startServer((socket) => socket.on('data', ({ length }) => (received += length)))
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  proxy.stall()
  client.socket.write(Buffer.alloc(100 * 1_048_576))
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBeGreaterThanOrEqual(1_048_576))
  await using other = await dial(proxy)
  other.socket.write('read after what could still be read of the first')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBeGreaterThanOrEqual(1_048_576 + 48))
  expect(proxy.stats().toServer.heldBytes).toBeLessThan(1_048_576 + 65_537 + 48)
  proxy.resume()
  await vi.waitFor(() => expect(received).toBe(100 * 1_048_576 + 48), 10_000)
})

test('in a black hole neither side learns that the other has gone', async () => {
  await using server = await startServer()
  await using proxy = await startProxy(server)
  await using client = await dial(proxy)
  const [peer] = await server.takes(1)
  await using other = await dial(proxy)
  const [, peerOfOther] = await server.takes(2)
  proxy.stall()
  client.socket.resetAndDestroy()
  await vi.waitFor(() => expect(proxy.stats().open).toBe(1))
  peerOfOther!.resetAndDestroy()
  await using witness = await dial(proxy)
  witness.socket.write('read after the resets')
  await vi.waitFor(() => expect(proxy.stats().toServer.heldBytes).toBe(21))
  expect(proxy.stats().open).toBe(2)
  expect([peer!.readyState, other.socket.readyState]).toEqual(['open', 'open'])
  const told = closing(peer!)
  proxy.resume()
  expect(await told).toBe(true)
  await other.closed
  expect(other.error).toMatchObject({ code: 'ECONNRESET' })
})

test('what is injected behind an end goes nowhere', async () => {
  await using server = await startServer()
  await using proxy = await startProxy(server)
  await using client = await dial(proxy, { allowHalfOpen: true })
  const [peer] = await server.takes(1)
  const ended = once(client.socket, 'end')
  peer!.end('all')
  await ended
  const told = closing(peer!)
  proxy.inject('more')
  client.socket.end()
  await client.closed
  expect(await told).toBe(false)
  expect([client.text(), client.error]).toEqual(['all', undefined])
})
