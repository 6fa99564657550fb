import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { MetricsCollector } from '../src/index.ts'
import { parseExposition } from './exposition-parser.ts'

const formats = ['prometheus', 'openmetrics'] as const

function scrape(metrics: MetricsCollector, format: (typeof formats)[number]): Promise<string> {
  return text(metrics.scrape({ format }))
}

describe.each(formats)('as %s', (format) => {
  test('what was recorded can be read back', async () => {
    const metrics = new MetricsCollector()
    metrics.describe('http_requests', { help: 'Requests.' })
    metrics.describe('queue_bytes', { help: 'Waiting bytes.', unit: 'bytes' })
    metrics.counter('http_requests', 3, { method: 'GET' })
    metrics.counter('http_requests', 1e300)
    metrics.gauge('queue_bytes', -1.5e-9)
    for (const value of [0.001, 0.2, 100]) metrics.histogram('latency_seconds', value, { route: '/' })
    const families = parseExposition(await scrape(metrics, format), format)

    const counter = families.get(format === 'openmetrics' ? 'http_requests' : 'http_requests_total')
    expect(counter).toMatchObject({
      type: 'counter',
      help: 'Requests.',
      samples: [{ name: 'http_requests_total', labels: { method: 'GET' }, value: '3' }, {}],
    })
    expect(Number(counter?.samples[1]?.value)).toBe(1e300)
    expect(families.get('queue_bytes')).toMatchObject({ type: 'gauge', samples: [{ value: '-1.5e-9' }] })
    expect(families.get('queue_bytes')?.unit).toBe(format === 'openmetrics' ? 'bytes' : undefined)
    expect(families.get('latency_seconds')?.samples.at(-1)).toEqual({
      name: 'latency_seconds_count',
      labels: { route: '/' },
      value: '3',
    })
  })

  test('label values and help survive quotes, line breaks, backslashes and any script', async () => {
    const metrics = new MetricsCollector()
    const values = [
      '"',
      '\n',
      '\\',
      '\\n',
      '\\"',
      '\\\\n"\n',
      '\r\n\t\0',
      '}',
      ',a="b"',
      '',
      'é漢😀',
      '\u2028',
      '{le="1"} 3 # ',
    ]
    for (const value of values) metrics.counter('c', 1, { value })
    const help = 'A "help"\nof \\n lines'
    metrics.describe('c', { help })
    const family = [...parseExposition(await scrape(metrics, format), format).values()][0]
    expect(family?.help).toBe(help)
    expect(family?.samples.map(({ labels }) => labels['value'])).toEqual(values)
  })

  test('values that would be the same bytes are one series', async () => {
    const metrics = new MetricsCollector()
    metrics.counter('c', 1, { value: 'a\ud800' })
    metrics.counter('c', 1, { value: 'a\udfff' })
    metrics.counter('c', 1, { value: 'a\ufffd' })
    const [family] = parseExposition(await scrape(metrics, format), format).values()
    expect(family?.samples).toMatchObject([{ labels: { value: 'a\ufffd' }, value: '3' }])
  })

  test('a counter goes on counting past 2 ** 53', async () => {
    const metrics = new MetricsCollector()
    metrics.counter('c', 0.5)
    metrics.counter('c', 2 ** 53)
    metrics.counter('c')
    metrics.counter('c', 0.5)
    for (let i = 0; i < 5; i++) metrics.counter('c', 1)
    const [family] = parseExposition(await scrape(metrics, format), format).values()
    expect(family?.samples[0]?.value).toBe(String(2n ** 53n + 7n))
    expect(metrics.snapshot()[0]?.value).toBe(2 ** 53 + 7)
  })

  test('gauges print what is not finite', async () => {
    const metrics = new MetricsCollector()
    for (const value of [NaN, Infinity, -Infinity]) metrics.gauge('g', value, { value })
    const [family] = parseExposition(await scrape(metrics, format), format).values()
    expect(family?.samples.map(({ value }) => value)).toEqual(['NaN', '+Inf', '-Inf'])
  })

  test('a scrape while others write is well-formed and every histogram in it consistent', async () => {
    const metrics = new MetricsCollector()
    for (let id = 0; id < 500; id++) metrics.histogram('h', id / 100, { id })
    const stop = new AbortController()
    const writer = (async () => {
      for (let turn = 0; !stop.signal.aborted; turn++) {
        for (let id = 0; id < 100; id++) metrics.histogram('h', turn / 100, { id: (turn * 100 + id) % 700 })
        metrics.counter(`late_${turn % 50}`, 1, { turn })
        await setImmediate()
      }
    })()
    const scraped = await scrape(metrics, format)
    stop.abort()
    await writer
    const families = parseExposition(scraped, format)
    expect(families.get('h')?.samples.length).toBeGreaterThanOrEqual(500 * 17)
  })

  test('ten thousand series come in many pieces between which others get their turn', async () => {
    const metrics = new MetricsCollector({ maxSeriesPerMetric: 10_000 })
    for (let id = 0; id < 10_000; id++) metrics.counter('requests', id, { id })
    let turns = 0
    const stop = new AbortController()
    const other = (async () => {
      for (; !stop.signal.aborted; turns++) await setImmediate()
    })()
    const pieces: string[] = []
    for await (const piece of metrics.scrape({ format })) pieces.push(piece)
    stop.abort()
    await other
    expect(pieces.length).toBeGreaterThan(10)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(17 * 1024)
    expect(turns).toBeGreaterThanOrEqual(pieces.length - 1)
    expect(parseExposition(pieces.join(''), format).values().next().value?.samples).toHaveLength(10_000)
  })

  test('of several collectors the first to have a name prints it', async () => {
    const [first, second, third] = [new MetricsCollector(), new MetricsCollector(), new MetricsCollector()]
    first.counter('a')
    second.gauge('a', 7)
    second.gauge('b', 1)
    third.gauge('b', 2)
    third.histogram('a_total', 3)
    third.gauge('d', 3)
    const scraped = await text(first.scrape({ format, also: [second, third] }))
    const families = parseExposition(scraped, format)
    expect([...families.keys()]).toEqual([format === 'openmetrics' ? 'a' : 'a_total', 'b', 'd'])
    expect(families.get('b')?.samples[0]?.value).toBe('1')
  })
})

test('nothing recorded prints nothing, or the end alone', async () => {
  const metrics = new MetricsCollector()
  expect(await scrape(metrics, 'prometheus')).toBe('')
  expect(await scrape(metrics, 'openmetrics')).toBe('# EOF\n')
})

test('another format is refused', () => {
  expect(() => new MetricsCollector().scrape({ format: 'xml' as never })).toThrow(
    new TypeError("format must be 'prometheus' or 'openmetrics', got 'xml'"),
  )
})
