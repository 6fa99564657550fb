import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Histogram, LoadTester } from '../src/index.ts'
import type { LoadProgress, LoadResponse } from '../src/index.ts'

test('a run of so many requests sends exactly that many and reports them', async () => {
  await using target = await httpTarget((_, response) => response.end('hello'))
  const report = await new LoadTester({
    targetUrl: `${target.url}/ask?q=1`,
    concurrentUsers: 4,
    durationSeconds: 10,
    maxRequests: 203,
  }).run()

  expect(target.urls).toEqual(Array.from({ length: 203 }, () => '/ask?q=1'))
  expect(report).toMatchObject({
    model: 'closed',
    targetUrl: `${target.url}/ask?q=1`,
    concurrentUsers: 4,
    requests: 203,
    succeeded: 203,
    errorRatio: 0,
    errors: { connect: 0, timeout: 0, reset: 0, malformed: 0, status4xx: 0, status5xx: 0, check: 0 },
    errorMessages: {},
    statuses: { 200: 203 },
    connectionsOpened: 4,
    partial: false,
    passed: true,
    failedThresholds: [],
  })
  expect(report.bytes).toBeGreaterThan(203 * 'HTTP/1.1 200 OK\r\n\r\nhello'.length)
  expect(report.rps).toBeCloseTo(203 / report.durationSeconds)
  const { p50ResponseTimeMs, p95ResponseTimeMs, p99ResponseTimeMs, p999ResponseTimeMs, maxResponseTimeMs } =
    report
  const rising = [
    0,
    p50ResponseTimeMs,
    p95ResponseTimeMs,
    p99ResponseTimeMs,
    p999ResponseTimeMs,
    maxResponseTimeMs,
  ]
  expect(rising).toEqual(rising.toSorted((a, b) => a - b))
  expect(report.avgResponseTimeMs).toBeLessThanOrEqual(maxResponseTimeMs)
  const histogram = Histogram.from(JSON.parse(JSON.stringify(report)).histogram)
  expect([histogram.count, histogram.quantile(0.95)]).toEqual([203, p95ResponseTimeMs])
})

test('a run ends after its time with every connection closed', async () => {
  await using target = await httpTarget((_, response) => response.end('hello'))
  const startedAt = performance.now()
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 8,
    durationSeconds: 0.3,
    timeoutMs: 5000,
  }).run()

  expect(performance.now() - startedAt).toBeLessThan(1300)
  expect(report.durationSeconds).toBeCloseTo(0.3, 0)
  expect([report.passed, report.connectionsOpened]).toEqual([true, 8])
  expect(target.urls).toHaveLength(report.requests)
  expect(await target.openConnections()).toBe(0)
})

test('a response that comes after the time is waited for and counted, but not in the rate', async () => {
  await using target = await httpTarget((_, response) => void setTimeout(() => response.end('late'), 400))
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 2,
    durationSeconds: 0.1,
  }).run()
  expect([report.succeeded, report.rps]).toEqual([2, 0])
  expect(report.p50ResponseTimeMs).toBeGreaterThan(300)
  expect(report.durationSeconds).toBeLessThan(0.4)
})

test('an array of requests is sent in order, again and again', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const requests = ['/a', '/b', '/c'].map((path) => ({ path }))
  const tester = new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 10,
    maxRequests: 5,
    requests,
  })
  for (const run of [1, 2]) {
    await tester.run()
    expect(target.urls, `run ${run}`).toEqual(['/a', '/b', '/c', '/a', '/b'])
    target.urls.length = 0
  }
})

test('a run ends with the iterable it draws from', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const requests = new Set([{ path: '/a' }, { path: '/b' }])
  const report = await new LoadTester({ targetUrl: target.url, durationSeconds: 10, requests }).run()
  expect(target.urls.toSorted()).toEqual(['/a', '/b'])
  expect([report.requests, report.passed, report.partial]).toEqual([2, true, false])
})

test('a function is asked for each request', async () => {
  await using target = await httpTarget((_, response) => response.end())
  let n = 0
  await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 10,
    maxRequests: 3,
    requests: () => ({ path: `/${++n}` }),
  }).run()
  expect(target.urls).toEqual(['/1', '/2', '/3'])
})

test('method, headers and a long body reach the target', async () => {
  const received: [string | undefined, unknown, string][] = []
  await using target = await httpTarget(async (request, response) => {
    received.push([request.method, request.headers['x-a'], await text(request)])
    response.end()
  })
  const body = 'é'.repeat(1_000_000)
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 10,
    maxRequests: 2,
    requests: [
      { path: '/', method: 'PUT', headers: { 'X-A': 'b' }, body },
      { path: '/', method: 'HEAD' },
    ],
  }).run()
  expect(received).toEqual([
    ['PUT', 'b', body],
    ['HEAD', undefined, ''],
  ])
  expect([report.succeeded, report.connectionsOpened]).toEqual([2, 1])
})

test('what is asked while warming up is not reported', async () => {
  await using target = await httpTarget(({ url }, response) => {
    if (url === '/cold') response.statusCode = 500
    response.end()
  })
  let isCold = true
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 2,
    warmupSeconds: 1,
    durationSeconds: 10,
    maxRequests: 50,
    requests: () => {
      isCold &&= target.urls.length < 20
      return { path: isCold ? '/cold' : '/warm' }
    },
  }).run()
  expect(target.urls.length).toBeGreaterThan(70)
  expect([report.requests, report.errorRatio, report.statuses]).toEqual([50, 0, { 200: 50 }])
})

test('a user thinks between its requests', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 2,
    durationSeconds: 0.5,
    thinkTimeMs: 100,
  }).run()
  expect(report.requests).toBeGreaterThanOrEqual(2)
  expect(report.requests).toBeLessThanOrEqual(12)
})

test('nobody thinks when there is nothing left to ask', async () => {
  await using target = await httpTarget((_, response) => void setTimeout(() => response.end(), 200))
  const options = { targetUrl: target.url, concurrentUsers: 3, thinkTimeMs: 60_000 }
  const startedAt = performance.now()
  const limited = await new LoadTester({ ...options, durationSeconds: 60, maxRequests: 3 }).run()
  const timed = await new LoadTester({ ...options, durationSeconds: 0.1 }).run()
  const thinking = await new LoadTester({ ...options, durationSeconds: 0.5 }).run()
  expect(performance.now() - startedAt).toBeLessThan(3000)
  expect([limited, timed, thinking].map(({ succeeded }) => succeeded)).toEqual([3, 3, 3])
})

test('progress is told every second', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const told: LoadProgress[] = []
  await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 2.9,
    thinkTimeMs: 5,
    onProgress: (progress) => told.push(progress),
  }).run()
  expect([1, 2]).toContain(told.length)
  let requests = 0
  for (const progress of told) {
    requests += progress.requestsPerSecond
    expect(progress).toMatchObject({ phase: 'measure', requests, failed: 0 })
  }
  expect(requests).toBeGreaterThan(0)
})

test('missed thresholds are named with what was measured', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const options = { targetUrl: target.url, durationSeconds: 10, maxRequests: 50 }
  const easy = { p95ResponseTimeMs: 10_000, errorRatio: 0, minRps: 1, p50ResponseTimeMs: undefined }
  expect((await new LoadTester({ ...options, thresholds: easy }).run()).passed).toBe(true)

  const thresholds = { p95ResponseTimeMs: 0, errorRatio: 0.5, minRps: 1e9 }
  const report = await new LoadTester({ ...options, thresholds }).run()
  expect(report.passed).toBe(false)
  expect(report.failedThresholds).toEqual([
    { name: 'p95ResponseTimeMs', limit: 0, actual: report.p95ResponseTimeMs },
    { name: 'minRps', limit: 1e9, actual: report.rps },
  ])
})

test('an abort resolves at once with a partial report', async () => {
  await using target = await httpTarget(({ url }, response) => {
    if (url === '/hang') controller.abort()
    else response.end()
  })
  const controller = new AbortController()
  const startedAt = performance.now()
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 15,
    requests: [{ path: '/' }, { path: '/' }, { path: '/hang' }],
    signal: controller.signal,
  }).run()
  expect(performance.now() - startedAt).toBeLessThan(2000)
  expect(report).toMatchObject({ partial: true, passed: false, requests: 2, succeeded: 2, errorRatio: 0 })
  expect(await target.openConnections()).toBe(0)
})

test('an abort before the run or in its warm-up resolves with nothing measured', async () => {
  await using target = await httpTarget((_, response) => {
    response.end()
    if (target.urls.length === 10) controller.abort()
  })
  const controller = new AbortController()
  const options = { targetUrl: target.url, durationSeconds: 10, warmupSeconds: 10 }
  const early = await new LoadTester({ ...options, signal: AbortSignal.abort() }).run()
  expect(target.urls).toHaveLength(0)
  const warming = await new LoadTester({ ...options, signal: controller.signal }).run()
  for (const report of [early, warming]) {
    expect(report).toMatchObject({ partial: true, passed: false, requests: 0, rps: 0, statuses: {} })
    expect(report.p95ResponseTimeMs).toBeNaN()
  }
})

test('a check sees the response and decides whether it is a success', async () => {
  await using target = await httpTarget(({ url }, response) => {
    response.setHeader('X-Url', url ?? '')
    response.write('hello ')
    response.end(url)
  })
  const seen: LoadResponse[] = []
  const report = await new LoadTester({
    targetUrl: target.url,
    concurrentUsers: 1,
    durationSeconds: 10,
    maxRequests: 4,
    maxCheckedBytes: 8,
    requests: ['/a', '/long', '/throws', '/odd'].map((path) => ({ path })),
    check(response) {
      seen.push(response)
      if (response.request.path === '/throws') throw new Error('not as agreed')
      if (response.request.path === '/odd') AbortSignal.abort('odd').throwIfAborted()
      return !response.isTruncated
    },
  }).run()
  expect(seen[0]).toMatchObject({ request: { path: '/a' }, status: 200, isTruncated: false })
  expect([seen[0]?.body.toString(), seen[0]?.headers['x-url']]).toEqual(['hello /a', '/a'])
  expect([seen[1]?.body.toString(), seen[1]?.isTruncated]).toEqual(['hello /l', true])
  expect(report).toMatchObject({ requests: 4, succeeded: 1, errorRatio: 0.75, statuses: { 200: 4 } })
  expect([report.errors.check, report.errorMessages.check]).toEqual([3, 'GET /long was not accepted'])
  expect(Histogram.from(report.histogram).count).toBe(1)
})

test('a run rejects with what its caller threw, and leaves nothing open', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const options = { targetUrl: target.url, concurrentUsers: 3, durationSeconds: 15, thinkTimeMs: 10 }
  const broken = new Error('broken')
  const fail = () => {
    throw broken
  }
  await expect(new LoadTester({ ...options, requests: fail }).run()).rejects.toBe(broken)
  await expect(new LoadTester({ ...options, onProgress: fail }).run()).rejects.toBe(broken)
  await expect(new LoadTester({ ...options, requests: () => ({ path: 'x' }) }).run()).rejects.toThrow(
    "path must start with / and be percent-encoded, got 'x'",
  )
  const check = (() => Promise.resolve(true)) as unknown as () => boolean
  await expect(new LoadTester({ ...options, check }).run()).rejects.toThrow(
    new TypeError('check must return a boolean, got [object Promise]'),
  )
  expect(await target.openConnections()).toBe(0)
})

test('one tester may run twice at a time', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const tester = new LoadTester({ targetUrl: target.url, durationSeconds: 10, maxRequests: 40 })
  const reports = await Promise.all([tester.run(), tester.run()])
  expect(reports.map(({ succeeded }) => succeeded)).toEqual([40, 40])
})

test('hundreds of users reach the target by its name', async () => {
  await using target = await httpTarget((_, response) => response.end())
  const report = await new LoadTester({
    targetUrl: target.url.replace('127.0.0.1', 'localhost'),
    concurrentUsers: 500,
    durationSeconds: 15,
    maxRequests: 2000,
  }).run()
  expect([report.succeeded, report.connectionsOpened]).toEqual([2000, 500])
})

async function httpTarget(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const urls: string[] = []
  const server = createServer((request, response) => {
    urls.push(request.url ?? '')
    void answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    urls,
    /** How many connections are open once those that were closed are seen to be. */
    async openConnections() {
      for (let turn = 0; turn < 100; turn++) {
        const open = await new Promise<number>((resolve) => {
          server.getConnections((_, count) => resolve(count))
        })
        if (open === 0) return 0
        await new Promise(setImmediate)
      }
      return new Promise<number>((resolve) => {
        server.getConnections((_, count) => resolve(count))
      })
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
