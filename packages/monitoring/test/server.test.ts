import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { freePort } from '@code/testkit'
import { expect, test } from 'vitest'
import { HealthMonitor, MetricsCollector, MonitoringError } from '../src/index.ts'
import { startMonitoringServer, type MonitoringSnapshot } from '../src/server.ts'
import { parseExposition, type ParsedFamily } from './exposition-parser.ts'

const start = (options: Partial<Parameters<typeof startMonitoringServer>[0]> = {}) =>
  startMonitoringServer({
    port: 0,
    collector: new MetricsCollector(),
    health: new HealthMonitor(),
    ...options,
  })

const openMetrics = { headers: { accept: 'application/openmetrics-text; version=1.0.0' } }

test('it listens on the loopback address, on the port it was given', async () => {
  const port = await freePort()
  await using server = await start({ port })
  expect([server.port, server.url]).toEqual([port, `http://127.0.0.1:${port}`])
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
})

test('/metrics is Prometheus text, or OpenMetrics for who asks for it', async () => {
  const collector = new MetricsCollector()
  collector.counter('requests', 2, { path: '/a"b\n\\' })
  collector.histogram('latency_seconds', 0.2)
  await using server = await start({ collector })

  const plain = await fetch(`${server.url}/metrics?debug=1`)
  expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const families = parseExposition(await plain.text(), 'prometheus')
  expect(families.get('requests_total')?.samples).toEqual([
    { name: 'requests_total', labels: { path: '/a"b\n\\' }, value: '2' },
  ])

  const open = await fetch(`${server.url}/metrics`, openMetrics)
  expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  expect(parseExposition(await open.text(), 'openmetrics').get('requests')?.type).toBe('counter')
})

test('/metrics tells memory, CPU time, event loop and garbage collection of the process', async () => {
  await using server = await start()
  let garbage: unknown[] = []
  let families = new Map<string, ParsedFamily>()
  while (!families.has('v8js_gc_duration_seconds')) {
    for (let i = 0; i < 1_000_000; i++) garbage.push({ i })
    garbage = []
    families = parseExposition(
      await (await fetch(`${server.url}/metrics`, openMetrics)).text(),
      'openmetrics',
    )
  }
  expect([...families.keys()].toSorted()).toEqual([
    'nodejs_eventloop_delay_max_seconds',
    'nodejs_eventloop_delay_p50_seconds',
    'nodejs_eventloop_delay_p99_seconds',
    'nodejs_eventloop_time_seconds',
    'nodejs_eventloop_utilization_ratio',
    'nodejs_external_memory_bytes',
    'nodejs_heap_size_limit_bytes',
    'process_cpu_time_seconds',
    'process_memory_usage_bytes',
    'process_uptime_seconds',
    'v8js_gc_duration_seconds',
    'v8js_memory_heap_used_bytes',
  ])
  expect(Number(families.get('process_memory_usage_bytes')?.samples[0]?.value)).toBeGreaterThan(1e6)
})

test('a metric of the service that has the name of ours is printed once, as the service has it', async () => {
  const collector = new MetricsCollector()
  collector.gauge('process_uptime_seconds', -1)
  await using server = await start({ collector })
  const families = parseExposition(await (await fetch(`${server.url}/metrics`)).text(), 'prometheus')
  expect(families.get('process_uptime_seconds')?.samples[0]?.value).toBe('-1')
})

test('instruments appear in /metrics and in the snapshot, and one that fails hides no other', async () => {
  const shared = globalThis as { [key: symbol]: unknown }
  const key = Symbol.for('code.instruments')
  const before = shared[key]
  shared[key] = new Map<string, unknown>([
    [
      'pool:broken',
      {
        kind: 'pool',
        name: 'broken',
        stats: () => {
          throw new Error('no stats')
        },
      },
    ],
    ['pool:empty', { kind: 'pool', name: 'empty', stats: () => null }],
    ['pool:odd', { kind: 5, name: 'odd', stats: () => ({}) }],
    ['pool:nothing', null],
    ['pool:experts', { kind: 'pool', name: 'experts', stats }],
    ['pool:experts#2', { kind: 'pool', name: 'experts', stats }],
  ])
  await using server = await start()
  const families = parseExposition(await (await fetch(`${server.url}/metrics`)).text(), 'prometheus')
  const snapshot = (await (await fetch(`${server.url}/snapshot.json`)).json()) as MonitoringSnapshot
  shared[key] = before

  expect(families.get('code_pool_max_size')?.samples).toEqual([
    { name: 'code_pool_max_size', labels: { name: 'experts' }, value: '8' },
    { name: 'code_pool_max_size', labels: { name: 'experts#2' }, value: '8' },
  ])
  expect(families.get('code_pool_l1_hits')?.type).toBe('gauge')
  expect(families.has('code_pool_policy')).toBe(false)
  expect(snapshot.instruments).toEqual([
    { kind: 'pool', name: 'broken', stats: { error: 'Error: no stats' } },
    { kind: 'pool', name: 'empty', stats: {} },
    { kind: 'pool', name: 'odd', stats: {} },
    { kind: 'pool', name: 'nothing', stats: { error: expect.stringContaining('TypeError') } },
    { kind: 'pool', name: 'experts', stats: stats() },
    { kind: 'pool', name: 'experts#2', stats: stats() },
  ])
})

test('/snapshot.json holds everything that is known at one moment', async () => {
  const collector = new MetricsCollector()
  collector.describe('latency_seconds', { help: 'Latency.', unit: 'seconds', buckets: [1] })
  collector.histogram('latency_seconds', 0.5, { route: '/' })
  const health = new HealthMonitor()
  health.register('db', () => false)
  await using server = await start({ collector, health })
  const response = await fetch(`${server.url}/snapshot.json`)
  expect(response.headers.get('content-type')).toBe('application/json')
  const number = expect.any(Number)
  expect(await response.json()).toEqual({
    version: 1,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    process: { pid: process.pid, node: process.versions.node, uptimeSeconds: number },
    memory: expect.objectContaining({ rssMb: number, peakMb: number, availableMb: number }),
    eventLoop: { delayP50Ms: number, delayP99Ms: number, delayMaxMs: number, utilization: number },
    gc: { pausesMs: number, share: number },
    metrics: [
      {
        name: 'latency_seconds',
        type: 'histogram',
        unit: 'seconds',
        labels: { route: '/' },
        count: 1,
        sum: 0.5,
        buckets: [{ le: 1, count: 1 }],
        quantiles: { p50: 0.5, p95: 0.5, p99: 0.5 },
      },
    ],
    instruments: expect.any(Array),
    health: {
      isHealthy: false,
      checks: [{ name: 'db', ok: false, ms: number, critical: true, error: 'returned false' }],
      failures: ['db: returned false'],
    },
    alerts: [],
    findings: [],
  })
})

test('/health/ready follows the critical checks, /health/live does not', async () => {
  const health = new HealthMonitor()
  let isUp = true
  health.register('db', () => isUp)
  health.register('mail', () => false, { critical: false })
  await using server = await start({ health })
  const ready = async () => {
    const response = await fetch(`${server.url}/health/ready`)
    return [response.status, await response.json()]
  }
  expect(await ready()).toMatchObject([200, { isHealthy: true, failures: ['mail: returned false'] }])
  isUp = false
  expect(await ready()).toMatchObject([
    503,
    { isHealthy: false, failures: ['db: returned false', 'mail: returned false'] },
  ])
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
})

test('not ready by isReady or after goUnready, a service is not asked for its checks', async () => {
  const health = new HealthMonitor()
  let asked = 0
  health.register('db', () => void asked++)
  let isReady = false
  await using server = await start({ health, isReady: () => isReady })
  const status = async () => (await fetch(`${server.url}/health/ready`)).status
  expect(await status()).toBe(503)
  isReady = true
  expect(await status()).toBe(200)
  server.goUnready()
  const response = await fetch(`${server.url}/health/ready`)
  expect([response.status, await response.json()]).toEqual([
    503,
    { isHealthy: false, checks: [], failures: ['not ready'] },
  ])
  expect(asked).toBe(1)
})

test('other paths and methods are problems in the sense of RFC 9457', async () => {
  await using server = await start()
  const missing = await fetch(`${server.url}/nowhere?x=1`)
  expect(missing.headers.get('content-type')).toBe('application/problem+json')
  expect(await missing.json()).toEqual({
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'there is no /nowhere',
  })
  const posted = await fetch(`${server.url}/metrics`, { method: 'POST', body: 'x' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  expect(await posted.json()).toMatchObject({ title: 'Method Not Allowed', status: 405 })
  const head = await fetch(`${server.url}/metrics`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

test('a failure of the answer itself is a problem too', async () => {
  class Confused extends HealthMonitor {
    override checkAll(): Promise<never> {
      return Promise.reject(new Error('confused'))
    }
  }
  await using server = await start({ health: new Confused() })
  const response = await fetch(`${server.url}/health/ready`)
  expect([response.status, await response.json()]).toMatchObject([500, { detail: 'Error: confused' }])
})

test('a service whose isReady throws is not ready', async () => {
  await using server = await start({
    isReady: () => {
      throw new Error('confused')
    },
  })
  const response = await fetch(`${server.url}/health/ready`)
  expect([response.status, await response.json()]).toEqual([
    503,
    { isHealthy: false, checks: [], failures: ['not ready: Error: confused'] },
  ])
})

test('a client that leaves in the middle of a scrape disturbs nobody', async () => {
  const collector = new MetricsCollector({ maxSeriesPerMetric: 20_000 })
  for (let id = 0; id < 20_000; id++) collector.gauge('g', id, { id, padding: 'x'.repeat(100) })
  await using server = await start({ collector })
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  socket.destroy()
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
})

test('close ends although clients keep their connections open, and the port is free again', async () => {
  const server = await start()
  const agent = new Agent({ keepAlive: true })
  const request = get(`${server.url}/health/live`, { agent })
  const [response] = await once(request, 'response')
  await text(response)
  const silent = connect(server.port, '127.0.0.1')
  silent.on('error', () => {})
  await once(silent, 'connect')
  const report = await server.close({ deadlineMs: 60_000 })
  expect(report).toEqual({ closed: true, ms: expect.any(Number), holders: [] })
  expect(report.ms).toBeLessThan(1_000)
  agent.destroy()
  silent.destroy()
  await (await start({ port: server.port })).close()
})

test('close lets a request in flight end', async () => {
  const health = new HealthMonitor()
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  health.register('slow', () => {
    begun.resolve()
    return end.promise
  })
  const server = await start({ health })
  const response = fetch(`${server.url}/health/ready`)
  await begun.promise
  const closing = server.close()
  expect(server.close()).toBe(closing)
  end.resolve()
  expect((await response).status).toBe(200)
  expect(await closing).toMatchObject({ closed: true, holders: [] })
})

test('close cuts off at its deadline what does not end, and names it', async () => {
  const health = new HealthMonitor()
  const begun = Promise.withResolvers<void>()
  health.register('hangs', () => {
    begun.resolve()
    return new Promise(() => {})
  })
  const server = await start({ health })
  const response = fetch(`${server.url}/health/ready`)
  const cutOff = expect(response).rejects.toThrow('fetch failed')
  await begun.promise
  const report = await server.close({ deadlineMs: 20 })
  expect(report).toMatchObject({ closed: false, holders: [{ label: 'GET /health/ready' }] })
  expect([report, report.holders, report.holders[0]].every(Object.isFrozen)).toBe(true)
  await cutOff
})

test('a port that is taken is an error with its cause', async () => {
  await using server = await start()
  const failure = await start({ port: server.port }).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(MonitoringError)
  expect(failure).toMatchObject({
    code: 'MONITORING_LISTEN',
    message: expect.stringContaining(`can't listen on 127.0.0.1:${server.port}: `),
    cause: { code: 'EADDRINUSE' },
  })
})

test.each([-1, 65_536, 1.5, NaN, '80' as never])('the port %j is refused', async (port) => {
  await expect(start({ port })).rejects.toThrow(RangeError)
  await expect(start({ port })).rejects.toThrow(/^port must be an integer from 0 to 65535, got /)
})

test('a wrong host, isReady or deadline is refused', async () => {
  await expect(start({ host: '' })).rejects.toThrow(new TypeError("host must be a non-empty string, got ''"))
  await expect(start({ isReady: true as never })).rejects.toThrow(TypeError)
  await using server = await start()
  expect(() => server.close({ deadlineMs: 0 })).toThrow(
    new RangeError('deadlineMs must be milliseconds from 1 to 2147483647, got 0'),
  )
})

test('without a collector and a health monitor it shows those of the process', async () => {
  const { getHealthMonitor, getMetricsCollector } = await import('../src/index.ts')
  getMetricsCollector().counter('of_the_process')
  const unregister = getHealthMonitor().register('of the process', () => true)
  await using server = await startMonitoringServer({ port: 0 })
  const snapshot = (await (await fetch(`${server.url}/snapshot.json`)).json()) as MonitoringSnapshot
  unregister()
  expect(snapshot.metrics.map(({ name }) => name)).toContain('of_the_process')
  expect(snapshot.health.checks.map(({ name }) => name)).toEqual(['of the process'])
})

function stats(): Record<string, number | string> {
  return { size: 3, maxSize: 8, policy: 'lifo', 'l1.hits': 5 }
}
