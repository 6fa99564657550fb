import { channel } from 'node:diagnostics_channel'
import { ObjectPool } from '@code/pool'
import { startPostgres } from '@code/testkit'
import type { Meter as ApiMeter } from '@opentelemetry/api'
import { DataPointType, MeterProvider, MetricReader, type MetricData } from '@opentelemetry/sdk-metrics'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import { observeConnections, type Meter } from '../src/open-telemetry.ts'
import { postgres, type PostgresOptions, type PostgresPool } from '../src/postgres.ts'

const server = await startPostgres()
afterAll(() => server.close())

const open = (options: PostgresOptions): PostgresPool =>
  postgres({ connectionString: server.url, ...options }).open()

test("OpenTelemetry's meter is one", () => {
  expectTypeOf<ApiMeter>().toExtend<Meter>()
})

const read = (db: PostgresPool): Promise<unknown> =>
  db.transaction((session) => session.query('select 1'), { readOnly: true })

test('the state of a pool is read whenever the metrics are', async () => {
  await using db = open({ name: 'state', minSize: 2, maxSize: 3 })
  await using metrics = collector()
  using _ = observeConnections(metrics.meter, ['state'])
  await db.warm()
  const lease = await db.getConnection()
  const name = { 'db.client.connection.pool.name': 'state' }
  expect(await metrics.collect()).toMatchObject({
    'db.client.connection.count': {
      unit: '{connection}',
      type: DataPointType.SUM,
      monotonic: false,
      points: [
        { attributes: { ...name, 'db.client.connection.state': 'idle' }, value: 1 },
        { attributes: { ...name, 'db.client.connection.state': 'used' }, value: 1 },
      ],
    },
    'db.client.connection.max': sum('{connection}', { attributes: name, value: 3 }),
    'db.client.connection.idle.min': sum('{connection}', { attributes: name, value: 2 }),
    'db.client.connection.pending_requests': sum('{request}', { attributes: name, value: 0 }),
    'db.client.connection.timeouts': { ...sum('{timeout}', { attributes: name, value: 0 }), monotonic: true },
    'db.client.connection.create_time': histogram({ attributes: name, count: 2 }),
  })

  await lease[Symbol.asyncDispose]()
  await vi.waitFor(async () => {
    const { 'db.client.connection.count': count } = await metrics.collect()
    expect(count?.points.map(({ value }) => value)).toEqual([2, 0])
  })
})

test('who waits for a connection is pending, then counted by how it ended', async () => {
  await using db = open({ name: 'narrow', maxSize: 1 })
  await using metrics = collector()
  using _ = observeConnections(metrics.meter, ['narrow'])
  const lease = await db.getConnection()
  await expect(db.query('select 1', undefined, { timeoutMs: 1 })).rejects.toMatchObject({
    code: 'CONNECTIONS_TIMEOUT',
  })
  const waiting = db.query('select 1')
  const before = await metrics.collect()
  expect(before['db.client.connection.pending_requests']?.points[0]?.value).toBe(1)
  await lease[Symbol.asyncDispose]()
  await waiting
  await vi.waitFor(() => expect(db.stats().idle + db.stats().inUse).toBe(1))
  await (await db.getConnection())[Symbol.asyncDispose]()

  const after = await metrics.collect()
  const attributes = { 'db.client.connection.pool.name': 'narrow' }
  expect(after['db.client.connection.pending_requests']?.points[0]?.value).toBe(0)
  expect(after['db.client.connection.timeouts']?.points[0]?.value).toBe(1)
  expect(after['db.client.connection.wait_time']?.points).toContainEqual({
    attributes,
    count: expect.any(Number),
    sum: expect.any(Number),
  })
  expect(after['db.client.connection.use_time']?.points).toEqual([
    { attributes, count: 3, sum: expect.any(Number) },
  ])
})

test('a statement is told in seconds, with the error that ended it', async () => {
  await using db = open({ name: 'statements' })
  await using metrics = collector()
  using _ = observeConnections(metrics.meter, ['statements'])
  await db.query('select pg_sleep(0.05)')
  await expect(db.query('select nothing')).rejects.toMatchObject({ code: 'CONNECTIONS_QUERY' })
  const controller = new AbortController()
  const aborted = db.query('select pg_sleep(60)', undefined, { signal: controller.signal })
  await new Promise(setImmediate)
  controller.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')

  const { 'db.client.operation.duration': duration } = await metrics.collect()
  const attributes = { 'db.system.name': 'postgresql', 'db.client.connection.pool.name': 'statements' }
  expect(duration).toEqual(
    histogram(
      { attributes, count: 1 },
      { attributes: { ...attributes, 'error.type': 'CONNECTIONS_QUERY' }, count: 1 },
      { attributes: { ...attributes, 'error.type': '_OTHER' }, count: 1 },
    ),
  )
  expect(duration?.points[0]?.sum).toBeGreaterThanOrEqual(0.05)
  expect(duration?.points[0]?.sum).toBeLessThan(1)
})

test('of all pools only those of connections are told of, and those of one name are added up', async () => {
  await using experts = new ObjectPool({ name: 'experts', maxSize: 5, create: () => ({}) })
  await using metrics = collector()
  await using first = open({ name: 'twice', maxSize: 1 })
  using _ = observeConnections(metrics.meter)
  await using second = open({ name: 'twice', maxSize: 2 })
  await using other = open({ name: 'other', maxSize: 4 })
  await experts.use(() => undefined)
  await Promise.all([first, second, other].map(read))

  const told = await metrics.collect()
  expect(told['db.client.connection.max']?.points).toEqual([
    { attributes: { 'db.client.connection.pool.name': 'twice' }, value: 3 },
    { attributes: { 'db.client.connection.pool.name': 'other' }, value: 4 },
  ])
  expect(countsByPool(told['db.client.connection.use_time'])).toEqual({ twice: 2, other: 1 })
  expect(countsByPool(told['db.client.operation.duration'])).toEqual({ twice: 4, other: 2 })
})

test('of named pools nothing else is told, and connections made before count as well', async () => {
  await using metrics = collector()
  await using wanted = open({ name: 'wanted' })
  await using other = open({ name: 'other' })
  await Promise.all([wanted.warm(), other.warm()])
  using _ = observeConnections(metrics.meter, ['wanted'])
  await Promise.all([read(wanted), read(other)])

  const told = await metrics.collect()
  expect(told['db.client.connection.max']?.points).toHaveLength(1)
  expect(countsByPool(told['db.client.connection.use_time'])).toEqual({ wanted: 1 })
  expect(countsByPool(told['db.client.operation.duration'])).toEqual({ wanted: 2 })
})

test('nobody listens before it is called, nor after it was disposed of', async () => {
  await using db = open({ name: 'ended' })
  await using metrics = collector()
  expect(listening()).toEqual([])
  const observation = observeConnections(metrics.meter)
  expect(listening()).toHaveLength(4)
  observation[Symbol.dispose]()
  observation[Symbol.dispose]()
  expect(listening()).toEqual([])
  await db.query('select 1')
  expect(await metrics.collect()).toEqual({})
})

test('what is no list of names is refused', () => {
  const { meter } = collector()
  expect(() => observeConnections(meter, 'main' as never)).toThrow(`pools must be an array, got 'main'`)
  expect(() => observeConnections(meter, [7 as never])).toThrow('a name in pools must be a string, got 7')
})

function listening(): string[] {
  const names = ['connections:connect', 'connections:wait', 'connections:query', 'pool:release']
  return names.filter((name) => channel(`code:${name}`).hasSubscribers)
}

interface Told {
  readonly unit: string
  readonly type: DataPointType
  readonly monotonic?: boolean
  readonly points: readonly Point[]
}

interface Point {
  readonly attributes: object
  readonly value?: number
  readonly count?: number
  readonly sum?: number | undefined
}

/** A real provider of meters, read by hand. */
function collector(): AsyncDisposable & {
  readonly meter: ApiMeter
  collect(): Promise<Record<string, Told>>
} {
  const reader = new ReaderByHand()
  const provider = new MeterProvider({ readers: [reader] })
  return {
    meter: provider.getMeter('test'),
    async collect() {
      const { resourceMetrics, errors } = await reader.collect()
      expect(errors).toEqual([])
      const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
      return Object.fromEntries(
        metrics
          .filter(({ dataPoints }) => dataPoints.length > 0)
          .map((metric) => [metric.descriptor.name, toldBy(metric)]),
      )
    },
    [Symbol.asyncDispose]: () => provider.shutdown(),
  }
}

class ReaderByHand extends MetricReader {
  protected override onShutdown = (): Promise<void> => Promise.resolve()
  protected override onForceFlush = (): Promise<void> => Promise.resolve()
}

function toldBy(metric: MetricData): Told {
  const { unit } = metric.descriptor
  const type = metric.dataPointType
  if (type === DataPointType.SUM) {
    const points = metric.dataPoints.map(({ attributes, value }) => ({ attributes, value }))
    return { unit, type, monotonic: metric.isMonotonic, points }
  }
  if (type !== DataPointType.HISTOGRAM) throw new Error(`${metric.descriptor.name} is of another type`)
  const points = metric.dataPoints.map(({ attributes, value: { count, sum: total, buckets } }) => {
    expect(buckets.boundaries).toEqual([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
    return { attributes, count, sum: total }
  })
  return { unit, type, points }
}

function sum(unit: string, ...points: Point[]): Told {
  return { unit, type: DataPointType.SUM, monotonic: false, points }
}

function histogram(...points: Pick<Point, 'attributes' | 'count'>[]): Told {
  const timed = points.map(({ attributes, count }) => ({ attributes, count, sum: expect.any(Number) }))
  return { unit: 's', type: DataPointType.HISTOGRAM, points: timed as Point[] }
}

function countsByPool(told: Told | undefined): Record<string, number> {
  const entries = told?.points.map(({ attributes, count }) => [
    (attributes as Record<string, string>)['db.client.connection.pool.name'],
    count,
  ])
  return Object.fromEntries(entries ?? []) as Record<string, number>
}
