import { MetricsCollector } from '@code/monitoring'
import { benchmark } from '@code/testkit'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

// What one update costs, against prom-client, against what a service without either writes by hand, and what
// a scrape of ten thousand series costs and how long it keeps everybody else waiting.

const methods = ['GET', 'POST'] as const
const statuses = ['200', '404', '500'] as const
const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const suite = benchmark({ name: 'monitoring', folder: new URL('./', import.meta.url) })
const ours = new MetricsCollector({ maxSeriesPerMetric: 10_000 })
const registers = [new Registry()]
const help = 'h'
const labelNames = ['method', 'status']

/** What callers with few routes keep; the other arms make an object for every update, as most callers do. */
const kept = methods.flatMap((method) => statuses.map((status) => ({ method, status })))
/** Latencies in seconds, different enough to fill several buckets. */
const values = Float64Array.from({ length: 1024 }, (_, i) => 0.001 * 1.009 ** i)

const promCounter = new Counter({ name: 'counter', help, labelNames, registers })
const byHand = new Map<string, number>()
const labelled = await suite.compare({
  title: 'counter, two labels',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) {
          promCounter.inc({ method: methods[i % 2]!, status: statuses[i % 3]! })
        }
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) {
          ours.counter('counter', 1, { method: methods[i % 2]!, status: statuses[i % 3]! })
        }
      },
    },
    'ours, labels kept': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) ours.counter('counter', 1, kept[i % 6])
      },
    },
    'Map of joined labels': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) {
          const key = `${methods[i % 2]},${statuses[i % 3]}`
          byHand.set(key, (byHand.get(key) ?? 0) + 1)
        }
      },
    },
  },
})
suite.atLeast({ in: labelled, metric: 'cpuNsPerOp', arm: 'ours', timesBetterThan: 5, than: 'prom-client' })
suite.atMost({ in: labelled, metric: 'bytesPerOp', arm: 'ours, labels kept', value: 1 })

const promChild = promCounter.labels('GET', '200')
const bound = ours.bind('counter', { method: 'GET', status: '200' })
const bare = { n: 0 }
const boundCounter = await suite.compare({
  title: 'counter, bound to its labels',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) promChild.inc()
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) bound.counter()
      },
    },
    'a field': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) bare.n++
        return bare.n
      },
    },
  },
})
suite.atLeast({
  in: boundCounter,
  metric: 'cpuNsPerOp',
  arm: 'ours',
  timesBetterThan: 5,
  than: 'prom-client',
})
suite.atMost({ in: boundCounter, metric: 'bytesPerOp', arm: 'ours', value: 1 })

const promGauge = new Gauge({ name: 'gauge', help, registers })
await suite.compare({
  title: 'gauge, no labels',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) promGauge.set(values[i % 1024]!)
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) ours.gauge('gauge', values[i % 1024]!)
      },
    },
  },
})

const promHistogram = new Histogram({ name: 'histogram', help, buckets, registers })
const promHistogram2 = new Histogram({ name: 'histogram2', help, buckets, labelNames, registers })
const boundHistogram = ours.bind('histogram', { method: 'GET' })
const plain = await suite.compare({
  title: 'histogram, no labels',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) promHistogram.observe(values[i % 1024]!)
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) ours.histogram('histogram', values[i % 1024]!)
      },
    },
    'ours, bound': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) boundHistogram.histogram(values[i % 1024]!)
      },
    },
  },
})
const histogram = await suite.compare({
  title: 'histogram, two labels',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) {
          promHistogram2.observe({ method: methods[i % 2]!, status: statuses[i % 3]! }, values[i % 1024]!)
        }
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) {
          const labels = { method: methods[i % 2]!, status: statuses[i % 3]! }
          ours.histogram('histogram2', values[i % 1024]!, labels)
        }
      },
    },
    'ours, labels kept': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) ours.histogram('histogram2', values[i % 1024]!, kept[i % 6])
      },
    },
  },
})
suite.atLeast({
  in: plain,
  metric: 'cpuNsPerOp',
  arm: 'ours, bound',
  timesBetterThan: 10,
  than: 'prom-client',
})
suite.atLeast({ in: histogram, metric: 'cpuNsPerOp', arm: 'ours', timesBetterThan: 5, than: 'prom-client' })
// What remains of the others is the caller's: 16 bytes for the number, when V8 does not inline the call, and 40
// for an object of two labels.
suite.atMost({ in: plain, metric: 'bytesPerOp', arm: 'ours, bound', value: 1 })
suite.atMost({ in: plain, metric: 'bytesPerOp', arm: 'ours', value: 17 })
suite.atMost({ in: histogram, metric: 'bytesPerOp', arm: 'ours, labels kept', value: 17 })

const promTimer = new Histogram({ name: 'timer', help, buckets, registers })
const boundTimer = ours.bind('timer')
await suite.compare({
  title: 'timer',
  arms: {
    'prom-client': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) promTimer.startTimer()()
      },
    },
    ours: {
      run(iterations) {
        for (let i = 0; i < iterations; i++) ours.timer('timer')[Symbol.dispose]()
      },
    },
    'ours, bound': {
      run(iterations) {
        for (let i = 0; i < iterations; i++) boundTimer.timer()[Symbol.dispose]()
      },
    },
    'two looks at the clock': {
      run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += performance.now() - performance.now()
        return sum
      },
    },
  },
})

const promMany = new Registry()
const oursMany = new MetricsCollector({ maxSeriesPerMetric: 10_000 })
const manyCounter = new Counter({ name: 'many', help, labelNames: ['id'], registers: [promMany] })
const manyHistogram = new Histogram({
  name: 'times',
  help,
  buckets,
  labelNames: ['id'],
  registers: [promMany],
})
for (let id = 0; id < 10_000; id++) {
  manyCounter.inc({ id }, id)
  oursMany.counter('many', id, { id })
  if (id % 15 > 0) continue
  manyHistogram.observe({ id }, values[id % 1024]!)
  oursMany.histogram('times', values[id % 1024]!, { id })
}
const scrape = await suite.samples({
  title: 'scrape of 10,000 counters and 667 histograms',
  rounds: 15,
  warmupRounds: 5,
  arms: {
    'prom-client': () => watched(async () => void (await promMany.metrics())),
    ours: () =>
      watched(async () => {
        let length = 0
        for await (const piece of oursMany.scrape()) length += piece.length
        if (length < 100_000) throw new Error(`only ${length} characters`)
      }),
  },
})
suite.atLeast({ in: scrape, metric: 'cpuMs', arm: 'ours', timesBetterThan: 5, than: 'prom-client' })
suite.atMost({ in: scrape, metric: 'longestBlockMs', arm: 'ours', value: 5 })

await suite.finish()

/** CPU time of some work, and the most of it between two turns of the event loop. */
async function watched(work: () => Promise<void>): Promise<{ cpuMs: number; longestBlockMs: number }> {
  let longestBlockMs = 0
  const start = cpuMs()
  let last = start
  const look = (): void => {
    const now = cpuMs()
    longestBlockMs = Math.max(longestBlockMs, now - last)
    last = now
  }
  let next = setImmediate(function again() {
    look()
    next = setImmediate(again)
  })
  await work()
  look()
  clearImmediate(next)
  return { cpuMs: last - start, longestBlockMs }
}

/** Of the process: unlike the clock it stands still while others have the core. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
