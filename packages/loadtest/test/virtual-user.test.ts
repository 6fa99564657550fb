import { freePort } from '@code/testkit'
import { expect, test } from 'vitest'
import { Histogram, LoadTester } from '../src/index.ts'
import { ok, rawServer } from './raw-server.ts'
import type { RawServer } from './raw-server.ts'

test('a target that is down costs connect errors, not a spinning loop, and the run ends on time', async () => {
  const startedAt = performance.now()
  const report = await new LoadTester({
    targetUrl: `http://127.0.0.1:${await freePort()}/`,
    concurrentUsers: 4,
    durationSeconds: 0.5,
  }).run()
  expect(performance.now() - startedAt).toBeLessThan(1500)
  expect(report.errors.connect).toBe(report.requests)
  expect(report.requests).toBeGreaterThanOrEqual(4)
  expect(report.requests).toBeLessThan(40)
  expect(report).toMatchObject({ passed: false, rps: 0, errorRatio: 1, connectionsOpened: 0, statuses: {} })
  expect(report.errorMessages.connect).toContain('ECONNREFUSED')
  expect(report.p95ResponseTimeMs).toBeNaN()
})

test('a name that does not resolve is a connect error', async () => {
  const report = await new LoadTester({
    targetUrl: 'http://nowhere.invalid/',
    concurrentUsers: 1,
    durationSeconds: 15,
    maxRequests: 1,
  }).run()
  expect(report.errors.connect).toBe(1)
})

test('a target that comes back is asked again', async () => {
  const port = await freePort()
  let server: Promise<RawServer> | undefined
  let drawn = 0
  const report = await new LoadTester({
    targetUrl: `http://127.0.0.1:${port}/`,
    concurrentUsers: 1,
    durationSeconds: 15,
    maxRequests: 20,
    requests() {
      if (++drawn === 3) server = rawServer((socket) => socket.write(ok), port)
      return { path: '/' }
    },
  }).run()
  await (await server)?.[Symbol.asyncDispose]()
  expect(report.errors.connect).toBeGreaterThanOrEqual(2)
  expect(report.succeeded).toBe(20 - report.errors.connect)
  expect(report.succeeded).toBeGreaterThan(10)
})

test('a target that hangs costs timeouts, each with a connection', async () => {
  await using server = await rawServer(() => {})
  const startedAt = performance.now()
  const report = await once(server, { durationSeconds: 1.5, maxRequests: undefined, timeoutMs: 200 })
  expect(performance.now() - startedAt).toBeLessThan(3000)
  expect(report.errors.timeout).toBe(report.requests)
  expect(report.requests).toBeGreaterThanOrEqual(2)
  expect(report.requests).toBeLessThanOrEqual(8)
  expect(report.connectionsOpened).toBe(report.requests)
  expect(report.errorMessages.timeout).toBe('no whole response within 200 ms')
  expect(Histogram.from(report.histogram).count).toBe(0)
})

test('a response that trickles in without end is a timeout', async () => {
  await using server = await rawServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 10)
    socket.on('close', () => clearInterval(drip))
  })
  const report = await once(server, { timeoutMs: 200 })
  expect([report.errors.timeout, report.requests]).toEqual([1, 1])
  expect(report.bytes).toBeGreaterThan(40)
})

test('a timeout leaves the next response to the next request', async () => {
  await using server = await rawServer((socket, nth) => {
    if (nth === 1) setTimeout(() => socket.write('HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n'), 700)
    else socket.write(ok)
  })
  const report = await once(server, { timeoutMs: 500, maxRequests: 20, thinkTimeMs: 20 })
  expect(report).toMatchObject({ requests: 20, succeeded: 19, statuses: { 200: 19 }, connectionsOpened: 2 })
})

test('a connection that ends within a response is a reset', async () => {
  await using server = await rawServer((socket, nth) => {
    if (nth === 1) socket.end()
    else if (nth === 2) socket.end('HTTP/1.1 200 OK\r\nContent-Le')
    else if (nth === 3) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell')
    else if (nth === 4) socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n')
    else if (nth === 5) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell', () => socket.resetAndDestroy())
    } else if (nth === 6) {
      // Node 22 sends a FIN instead when the bytes before it have not left yet.
      socket.write('HTTP/1.1 200 OK\r\n\r\nhell', () => setTimeout(() => socket.resetAndDestroy(), 50))
    } else socket.write(ok)
  })
  const report = await once(server, { maxRequests: 10 })
  expect(report).toMatchObject({ requests: 10, succeeded: 4, connectionsOpened: 7, statuses: { 200: 4 } })
  expect(report.errors.reset).toBe(6)
  expect(report.errorMessages.reset).toBe('the target closed the connection before the response was whole')
})

test('what is not HTTP is malformed and costs the connection', async () => {
  await using server = await rawServer((socket, nth) => {
    socket.write(nth === 1 ? 'SSH-2.0-OpenSSH_9.2\r\n' : nth === 2 ? `${ok}junk` : nth === 3 ? status999 : ok)
  })
  const report = await once(server, { maxRequests: 5 })
  expect(report).toMatchObject({ requests: 5, succeeded: 2, statuses: { 200: 2 }, connectionsOpened: 4 })
  expect(report.errors).toMatchObject({ malformed: 3, status5xx: 0 })
  expect(report.errorMessages.malformed).toBe('no status line: "SSH-2.0-OpenSSH_9.2"')
})

test('a connection that may not be kept is replaced', async () => {
  const closing = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'
  const byClose = 'HTTP/1.1 200 OK\r\n\r\nhello'
  const old = 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'
  for (const response of [closing, byClose, old]) {
    await using server = await rawServer((socket) => socket.end(response))
    const report = await once(server, { maxRequests: 3 })
    expect(report, response).toMatchObject({ succeeded: 3, errorRatio: 0, connectionsOpened: 3 })
    expect(server.accepted).toBe(3)
  }
})

test('a request that met a connection closed without notice is sent again on a new one', async () => {
  await using server = await rawServer((socket) => socket.end(ok))
  const report = await once(server, { maxRequests: 3 })
  expect(report).toMatchObject({ requests: 3, succeeded: 3, errorRatio: 0, connectionsOpened: 3 })
})

test('it is sent again once only, and not when an answer had begun', async () => {
  await using server = await rawServer((socket, nth) => {
    if (nth === 2 || nth === 3) socket.end()
    else if (nth === 5) socket.end('HTTP/1.1 200')
    else socket.write(ok)
  })
  const report = await once(server, { maxRequests: 4 })
  expect(report).toMatchObject({ requests: 4, succeeded: 2, connectionsOpened: 3 })
  expect(report.errors.reset).toBe(2)
  expect(server.requests).toHaveLength(5)
})

test('what may not be repeated is a reset when its connection was closed without notice', async () => {
  await using server = await rawServer((socket) => socket.end(ok))
  const requests = [{ path: '/', method: 'POST', body: 'once' }]
  const report = await once(server, { maxRequests: 4, requests })
  expect(report).toMatchObject({ requests: 4, succeeded: 2, connectionsOpened: 2 })
  expect(report.errors.reset).toBe(2)
})

test('a user that asks for a connection each time gets it', async () => {
  await using server = await rawServer((socket) => socket.write(ok))
  const requests = [{ path: '/', headers: { Connection: 'close' } }]
  const report = await once(server, { maxRequests: 3, requests })
  expect(report).toMatchObject({ succeeded: 3, connectionsOpened: 3 })
})

test('interim responses, HEAD and responses without body share one connection', async () => {
  await using server = await rawServer((socket, nth) => {
    if (nth === 1) socket.write(`HTTP/1.1 100 Continue\r\n\r\n${ok}`)
    else if (nth === 2) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    else if (nth === 3) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    else socket.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n')
  })
  const requests = ['GET', 'HEAD', 'GET', 'GET'].map((method) => ({ path: '/', method }))
  const report = await once(server, { maxRequests: 4, requests })
  expect(report).toMatchObject({ succeeded: 4, statuses: { 200: 2, 204: 1, 304: 1 }, connectionsOpened: 1 })
  expect(server.requests[1]).toMatch(/^HEAD /)
})

test('failed responses have no part in the response times', async () => {
  await using server = await rawServer((socket, nth) => {
    if (nth % 3 === 0) socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    else if (nth % 3 === 1) socket.write('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n')
    else socket.write(ok)
  })
  const report = await once(server, { maxRequests: 9 })
  expect(report).toMatchObject({
    requests: 9,
    succeeded: 3,
    errors: { status4xx: 3, status5xx: 3 },
    errorMessages: { status4xx: '404 for GET /', status5xx: '500 for GET /' },
    statuses: { 200: 3, 404: 3, 500: 3 },
    connectionsOpened: 1,
  })
  expect(Histogram.from(report.histogram).count).toBe(3)
})

test('a connection that ends or speaks while its user thinks is replaced without an error', async () => {
  await using server = await rawServer((socket, nth) => {
    socket.write(ok)
    setTimeout(() => {
      if (nth === 1) socket.end()
      else if (nth === 2) socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n')
      else if (nth === 3) socket.resetAndDestroy()
    }, 20)
  })
  const report = await once(server, { maxRequests: 5, thinkTimeMs: 300 })
  expect(report).toMatchObject({ succeeded: 5, errorRatio: 0, statuses: { 200: 5 }, connectionsOpened: 4 })
})

test('a gigabyte of body is counted and not kept', async () => {
  const size = 2 ** 30
  const piece = Buffer.alloc(2 ** 20)
  await using server = await rawServer((socket) => {
    let left = size
    const send = (): void => {
      while (left > 0) {
        left -= piece.length
        if (!socket.write(piece)) return void socket.once('drain', send)
      }
    }
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
    send()
  })
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 10)
  const report = await once(server, { timeoutMs: 20_000 })
  clearInterval(watch)
  expect(report.succeeded).toBe(1)
  expect(report.bytes).toBeGreaterThan(size)
  expect(peak - before).toBeLessThan(100 * 2 ** 20)
})

const status999 = 'HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n'

/** One user and, unless told otherwise, one request. */
function once(server: RawServer, options: Partial<ConstructorParameters<typeof LoadTester>[0]>) {
  return new LoadTester({
    targetUrl: server.url,
    concurrentUsers: 1,
    durationSeconds: 15,
    maxRequests: 1,
    ...options,
  }).run()
}
