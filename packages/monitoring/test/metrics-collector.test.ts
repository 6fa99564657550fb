import { text } from 'node:stream/consumers'
import { expect, expectTypeOf, test } from 'vitest'
import { getMetricsCollector, MetricsCollector } from '../src/index.ts'

const of = (metrics: MetricsCollector, name: string) => metrics.snapshot().filter((one) => one.name === name)

test('a counter adds up, by one when not told otherwise', () => {
  const metrics = new MetricsCollector()
  metrics.counter('requests')
  metrics.counter('requests', 2.5)
  expect(of(metrics, 'requests')).toEqual([{ name: 'requests', type: 'counter', labels: {}, value: 3.5 }])
})

test('a gauge keeps the last value, whatever the number', () => {
  const metrics = new MetricsCollector()
  for (const value of [1, -4, NaN, -Infinity, 0.25]) {
    metrics.gauge('depth', value)
    expect(of(metrics, 'depth')[0]?.value).toBe(value)
  }
})

test('the same labels in another order, or as another type of value, are the same series', () => {
  const metrics = new MetricsCollector()
  metrics.counter('requests', 1, { method: 'GET', status: 200 })
  metrics.counter('requests', 1, { status: 200, method: 'GET' })
  metrics.counter('requests', 1, { status: '200', method: 'GET' })
  metrics.counter('requests', 1, { method: 'GET', status: '200' })
  expect(of(metrics, 'requests')).toMatchObject([{ labels: { method: 'GET', status: '200' }, value: 4 }])
})

test('a series with fewer, more or other labels is another series', () => {
  const metrics = new MetricsCollector()
  const all = [undefined, { a: 'x' }, { a: 'x', b: 'y' }, { b: 'y' }, { a: 'x', c: 'y' }, { a: '' }]
  for (let round = 0; round < 2; round++) for (const labels of all) metrics.counter('c', 1, labels)
  metrics.counter('c', 1, {})
  expect(of(metrics, 'c').map(({ value }) => value)).toEqual([3, 2, 2, 2, 2, 2])
})

test('orders of labels beyond the remembered ones still find their series', () => {
  const metrics = new MetricsCollector()
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (let turn = 0; turn < names.length; turn++) {
    const order = [...names.slice(turn), ...names.slice(0, turn)]
    metrics.counter('c', 1, Object.fromEntries(order.map((name) => [name, name])))
  }
  expect(of(metrics, 'c')).toMatchObject([{ value: 6 }])
})

test('a histogram counts into the first bucket that holds the value, bounds included', () => {
  const metrics = new MetricsCollector()
  metrics.describe('size', { help: 'Sizes.', buckets: [1, 10, 100] })
  for (const value of [0, 1, 1.5, 10, 99, 100, 101]) metrics.histogram('size', value)
  expect(of(metrics, 'size')).toMatchObject([
    {
      count: 7,
      sum: 312.5,
      buckets: [
        { le: 1, count: 2 },
        { le: 10, count: 4 },
        { le: 100, count: 6 },
      ],
    },
  ])
})

test('a bound metric reaches the same series as its labels', () => {
  const metrics = new MetricsCollector()
  const labels = { route: '/ask' }
  const requests = metrics.bind('requests', labels)
  labels.route = '/other'
  requests.counter()
  requests.counter(2)
  metrics.counter('requests', 1, { route: '/ask' })
  metrics.bind('depth').gauge(7)
  metrics.bind('latency', { route: '/ask' }).histogram(0.5)
  expect(metrics.snapshot()).toMatchObject([
    { name: 'requests', labels: { route: '/ask' }, value: 4 },
    { name: 'depth', labels: {}, value: 7 },
    { name: 'latency', count: 1, sum: 0.5 },
  ])
})

test('a timer records seconds once, however often it is disposed of', () => {
  const metrics = new MetricsCollector()
  const timer = metrics.timer('work_seconds', { kind: 'a' })
  const before = performance.now()
  while (performance.now() - before < 5);
  timer[Symbol.dispose]()
  timer[Symbol.dispose]()
  const [series] = of(metrics, 'work_seconds')
  expect(series?.count).toBe(1)
  expect(series?.sum).toBeGreaterThanOrEqual(0.005)
  expect(series?.sum).toBeLessThan(1)
})

test('a timer of a metric in milliseconds records milliseconds, with buckets to match', () => {
  const metrics = new MetricsCollector()
  metrics.describe('work', { help: 'Work.', unit: 'milliseconds' })
  metrics.time('work', () => {
    const before = performance.now()
    while (performance.now() - before < 5);
  })
  const [series] = of(metrics, 'work')
  expect(series?.sum).toBeGreaterThanOrEqual(5)
  expect(series?.buckets?.at(-1)?.le).toBe(10_000)
})

test('a timer of a metric in another unit is refused', () => {
  const metrics = new MetricsCollector()
  metrics.describe('size', { help: 'Sizes.', unit: 'bytes' })
  expect(() => metrics.timer('size')).toThrow(
    new TypeError('a timer needs a metric in seconds or milliseconds, size is in bytes'),
  )
})

test('a timed call gives back what it returned and is recorded, failed or not, async or not', async () => {
  const metrics = new MetricsCollector()
  const bound = metrics.bind('t')
  const failure = new Error('no')
  const fail = (): never => {
    throw failure
  }
  expect(metrics.time('t', () => 1)).toBe(1)
  expect(bound.time(() => 2)).toBe(2)
  expect(() => metrics.time('t', fail)).toThrow(failure)
  expect(await metrics.time('t', () => Promise.resolve(3))).toBe(3)
  await expect(metrics.time('t', () => Promise.reject(failure))).rejects.toBe(failure)
  expect(of(metrics, 't')).toMatchObject([{ count: 5 }])
})

test('an asynchronous call is recorded when it ends, not when it returns', async () => {
  const metrics = new MetricsCollector()
  const { promise, resolve } = Promise.withResolvers<number>()
  const pending = metrics.time('t', () => promise)
  expect(of(metrics, 't')).toMatchObject([{ count: 0 }])
  resolve(1)
  await pending
  expect(of(metrics, 't')).toMatchObject([{ count: 1 }])
})

test('a lazy thenable is started once and its value is given', async () => {
  const metrics = new MetricsCollector()
  let started = 0
  const then = 'then' as string
  const query = {
    [then](done: (value: string) => void): void {
      started++
      done('rows')
    },
  } as unknown as PromiseLike<string>
  expect(await metrics.time('t', () => query)).toBe('rows')
  expect(started).toBe(1)
})

test('time has the type of what it times', () => {
  const metrics = new MetricsCollector()
  expectTypeOf(metrics.time('t', () => 1)).toEqualTypeOf<number>()
  expectTypeOf(metrics.time('t', async () => 1)).toEqualTypeOf<Promise<number>>()
})

test('beyond the limit of series updates are dropped and counted, those of known series not', async () => {
  const metrics = new MetricsCollector({ maxSeriesPerMetric: 3 })
  for (let user = 0; user < 5; user++) metrics.counter('logins', 1, { user })
  metrics.counter('logins', 1, { user: 2 })
  const bound = metrics.bind('logins', { user: 'late' })
  bound.counter()
  bound.counter()
  metrics.timer('logins_seconds', { user: 9 })[Symbol.dispose]()
  expect(of(metrics, 'logins').map(({ value }) => value)).toEqual([1, 1, 2])
  expect(of(metrics, 'code_monitoring_dropped_updates')).toMatchObject([
    { labels: { metric: 'logins' }, value: 4 },
  ])
  expect(await text(metrics.scrape())).toContain('code_monitoring_dropped_updates_total{metric="logins"} 4\n')
})

test('every metric has its own count of dropped updates, even with room for one series only', () => {
  const metrics = new MetricsCollector({ maxSeriesPerMetric: 1 })
  for (const name of ['a', 'b', 'c']) for (const id of [1, 2]) metrics.gauge(name, 1, { id })
  expect(of(metrics, 'code_monitoring_dropped_updates').map(({ labels }) => labels['metric'])).toEqual([
    'a',
    'b',
    'c',
  ])
})

test('one metric too many is a mistake in its name', () => {
  const metrics = new MetricsCollector({ maxMetrics: 2 })
  metrics.counter('a')
  metrics.counter('b')
  metrics.counter('a')
  expect(() => metrics.counter('c')).toThrow(
    new RangeError('no room for c beside 2 metrics: values belong in labels, not names'),
  )
})

test('reset sets every series to zero and keeps bound metrics alive', () => {
  const metrics = new MetricsCollector()
  const bound = metrics.bind('c', { a: 1 })
  bound.counter(2 ** 53)
  metrics.gauge('g', 3)
  metrics.histogram('h', 1)
  metrics.reset()
  expect(metrics.snapshot()).toMatchObject([{ value: 0 }, { value: 0 }, { count: 0, sum: 0 }])
  expect(of(metrics, 'h')[0]).not.toHaveProperty('quantiles')
  bound.counter()
  expect(of(metrics, 'c')).toMatchObject([{ value: 1 }])
})

test('a snapshot stays what it was', () => {
  const metrics = new MetricsCollector()
  metrics.counter('c')
  const [before] = metrics.snapshot()
  metrics.counter('c')
  expect(before?.value).toBe(1)
  expect(Object.isFrozen(before)).toBe(true)
})

test.each([0, -1, 1.5, NaN])('a limit of %d is refused', (limit) => {
  expect(() => new MetricsCollector({ maxSeriesPerMetric: limit })).toThrow(
    new RangeError(`maxSeriesPerMetric must be an integer from 1, got ${limit}`),
  )
  expect(() => new MetricsCollector({ maxMetrics: limit })).toThrow(RangeError)
})

test.each(['', '1st', 'a-b', 'a b', 'é', 'a\n', undefined as never])('the name %j is refused', (name) => {
  const metrics = new MetricsCollector()
  for (const use of [
    () => metrics.counter(name),
    () => metrics.gauge(name, 1),
    () => metrics.histogram(name, 1),
    () => metrics.timer(name),
    () => metrics.bind(name, {}),
    () => metrics.describe(name, { help: '' }),
  ]) {
    expect(use).toThrow(TypeError)
    expect(use).toThrow(/^a metric name must be of letters, digits, underscores and colons and .*, got /)
  }
  expect(metrics.snapshot()).toEqual([])
})

test.each(['', '1a', 'a-b', '__x', 'le', 'quantile'])('the label name %j is refused', (label) => {
  const metrics = new MetricsCollector()
  expect(() => metrics.counter('c', 1, { [label]: 'x' })).toThrow(TypeError)
  expect(() => metrics.bind('c', { [label]: 'x' })).toThrow(`, got '${label}'`)
})

test.each([undefined, null, {}, Symbol('s'), 1n])('the label value %o is refused', (value) => {
  const metrics = new MetricsCollector()
  expect(() => metrics.counter('c', 1, { a: value as never })).toThrow(
    /^label a must be a string, a number or a boolean, got /,
  )
})

test.each([NaN, -1, Infinity, -Infinity])('a counter does not take %d, nor does a histogram', (value) => {
  const metrics = new MetricsCollector()
  const bound = metrics.bind('b')
  for (const use of [
    () => metrics.counter('c', value),
    () => bound.counter(value),
    () => metrics.histogram('h', value),
    () => bound.histogram(value),
  ]) {
    expect(use).toThrow(RangeError)
    expect(use).toThrow(`must be a finite number from 0, got ${value}`)
  }
  expect(metrics.snapshot()).toEqual([])
})

test('what is not a number is refused and leaves no series', () => {
  const metrics = new MetricsCollector()
  const value = '1' as never
  for (const use of [
    () => metrics.counter('c', value),
    () => metrics.gauge('g', value),
    () => metrics.histogram('h', value),
  ]) {
    expect(use).toThrow(TypeError)
  }
  expect(metrics.snapshot()).toEqual([])
})

test('a name belongs to one type', () => {
  const metrics = new MetricsCollector()
  metrics.counter('c')
  expect(() => metrics.gauge('c', 1)).toThrow(new TypeError("c can't be a gauge: c belongs to the counter c"))
  const bound = metrics.bind('c')
  expect(() => bound.histogram(1)).toThrow(TypeError)
})

test('names that would print the same are refused', () => {
  const metrics = new MetricsCollector()
  metrics.counter('c')
  expect(() => metrics.counter('c_total')).toThrow(
    new TypeError("c_total can't be a counter: c belongs to the counter c"),
  )
  metrics.histogram('h', 1)
  expect(() => metrics.gauge('h_count', 1)).toThrow(
    new TypeError("h_count can't be a gauge: h_count belongs to the histogram h"),
  )
  metrics.gauge('x_sum', 1)
  expect(() => metrics.histogram('x', 1)).toThrow(TypeError)
})

test.each([[], [2, 1], [1, 1], [NaN], [1, Infinity]].map((buckets) => [buckets]))(
  'the buckets %j are refused',
  (buckets) => {
    const metrics = new MetricsCollector()
    expect(() => metrics.describe('h', { help: '', buckets })).toThrow(
      /^buckets of h must be ascending finite numbers, got /,
    )
  },
)

test('buckets and unit of a histogram with values are fixed', () => {
  const metrics = new MetricsCollector()
  metrics.describe('h', { help: 'a', unit: 'bytes', buckets: [1, 2] })
  metrics.histogram('h', 1)
  metrics.describe('h', { help: 'b', unit: 'bytes', buckets: [1, 2] })
  const fixed = new TypeError('unit and buckets of h are fixed since its first value: describe it before')
  expect(() => metrics.describe('h', { help: 'c', unit: 'bytes', buckets: [1, 3] })).toThrow(fixed)
  expect(() => metrics.describe('h', { help: 'c', unit: 'seconds', buckets: [1, 2] })).toThrow(fixed)
})

test('a process has one collector of its own', () => {
  expect(getMetricsCollector()).toBe(getMetricsCollector())
})
