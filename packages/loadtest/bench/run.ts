import { Agent, get } from 'node:http'
import { Histogram, LoadTester } from '@code/loadtest'
import { benchmark, superviseProcess } from '@code/testkit'

// What a request costs the generator: 50 connections to a target in another process that does next to nothing.

const users = 50
const requests = 15_000
const timeoutMs = 10_000
await using target = await superviseProcess({
  command: process.execPath,
  args: [new URL('target.ts', import.meta.url).pathname],
  ready: (line) => line.startsWith('listening'),
})
const targetUrl = `http://127.0.0.1:${/listening on (\d+)/.exec(target.output())?.[1]}/hello`
const agent = new Agent({ keepAlive: true, maxSockets: users })

const suite = benchmark({ name: 'loadtest', folder: new URL('./', import.meta.url) })

const generator = await suite.samples({
  title: `${requests} requests over ${users} connections`,
  rounds: 5,
  arms: {
    'node:http agent': () => measured(() => inLoops(throughAgent)),
    'fetch (undici)': () => measured(() => inLoops(throughFetch)),
    ours: () => measured(() => tested({})),
    'ours, with check': () => measured(() => tested({ check: ({ body }) => body.length === 17 })),
  },
  higherIsBetter: ['rps'],
})
suite.atLeast({
  in: generator,
  metric: 'cpuUsPerRequest',
  arm: 'ours',
  timesBetterThan: 5,
  than: 'node:http agent',
})
suite.atLeast({
  in: generator,
  metric: 'cpuUsPerRequest',
  arm: 'ours',
  timesBetterThan: 8,
  than: 'fetch (undici)',
})

await suite.finish()
agent.destroy()

/** CPU time of this process, all threads, for each request. */
async function measured(work: () => Promise<number>) {
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  const succeeded = await work()
  const seconds = (performance.now() - before) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  if (succeeded !== requests) throw new Error(`${requests - succeeded} requests failed`)
  return { cpuUsPerRequest: (user + system) / requests, rps: requests / seconds }
}

async function tested(options: Partial<ConstructorParameters<typeof LoadTester>[0]>): Promise<number> {
  const tester = new LoadTester({
    targetUrl,
    concurrentUsers: users,
    durationSeconds: 60,
    maxRequests: requests,
    timeoutMs,
    ...options,
  })
  return (await tester.run()).succeeded
}

/** The load test that one writes in a hurry, with the same histogram and the same time limit. */
async function inLoops(request: () => Promise<void>): Promise<number> {
  const histogram = new Histogram()
  let left = requests
  const user = async (): Promise<void> => {
    while (left-- > 0) {
      const before = performance.now()
      await request()
      histogram.record(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: users }, user))
  return histogram.count
}

function throughAgent(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(targetUrl, { agent, timeout: timeoutMs }, (response) => {
      response.on('end', resolve).on('error', reject).resume()
    })
    request.on('error', reject)
  })
}

async function throughFetch(): Promise<void> {
  const response = await fetch(targetUrl)
  await response.arrayBuffer()
}
