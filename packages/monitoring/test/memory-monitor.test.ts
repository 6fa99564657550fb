import { execFileSync, spawnSync } from 'node:child_process'
import { totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { MemoryMonitor } from '../src/index.ts'

const index = new URL('../src/index.ts', import.meta.url).href

test('the figures are megabytes of this process and fit together', () => {
  const metrics = new MemoryMonitor().getCurrentMetrics()
  const { rss } = process.memoryUsage()
  expect(metrics.rssMb * 2 ** 20).toBeGreaterThan(rss / 2)
  expect(metrics.rssMb * 2 ** 20).toBeLessThan(rss * 2)
  expect(metrics.peakMb).toBeGreaterThanOrEqual(metrics.rssMb)
  expect(metrics.heapUsedMb).toBeGreaterThan(0)
  expect(metrics.heapLimitMb).toBeGreaterThan(metrics.heapUsedMb)
  expect(metrics.externalMb).toBeGreaterThan(0)
  expect(metrics.availableMb).toBeGreaterThan(0)
  expect(Object.isFrozen(metrics)).toBe(true)
})

test('a limit is told only when there is one', () => {
  const { limitMb } = new MemoryMonitor().getCurrentMetrics()
  const constrained = process.constrainedMemory()
  const none = constrained === 0 || constrained > totalmem()
  expect(limitMb).toBe(none ? null : constrained / 2 ** 20)
})

test('buffers count as external memory and raise the peak for good', () => {
  const monitor = new MemoryMonitor()
  const before = monitor.getCurrentMetrics()
  let buffer: Buffer | undefined = Buffer.alloc(64 * 2 ** 20, 1)
  const during = monitor.getCurrentMetrics()
  expect(during.externalMb - before.externalMb).toBeGreaterThan(60)
  expect(during.peakMb - before.rssMb).toBeGreaterThan(60)
  expect(buffer.length).toBe(64 * 2 ** 20)
  buffer = undefined
  expect(monitor.getCurrentMetrics().peakMb).toBeGreaterThanOrEqual(during.peakMb)
})

test('the peak of a small process is not that of its big parent', () => {
  const child = `
    import { MemoryMonitor } from ${JSON.stringify(index)}
    console.log(new MemoryMonitor().getCurrentMetrics().peakMb)`
  const parent = `
    import { execFileSync } from 'node:child_process'
    const big = Buffer.alloc(400 * 2 ** 20, 1)
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', ${JSON.stringify(child)}])
    console.log(output.toString(), big.length > 0)`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', parent])
  expect(Number.parseFloat(output.toString())).toBeLessThan(250)
})

test('samples come until it is stopped, and a second start replaces the first', async () => {
  const monitor = new MemoryMonitor()
  const calls: string[] = []
  monitor.start({ everyMs: 1, onSample: () => calls.push('first') })
  const { promise, resolve } = Promise.withResolvers<number>()
  monitor.start({
    everyMs: 1,
    onSample: ({ rssMb }) => {
      calls.push('second')
      if (calls.length === 3) {
        monitor.stop()
        resolve(rssMb)
      }
    },
  })
  expect(await promise).toBeGreaterThan(1)
  expect(calls).toEqual(['second', 'second', 'second'])
})

test('sampling keeps no process alive', () => {
  const script = `
    import { MemoryMonitor } from ${JSON.stringify(index)}
    new MemoryMonitor().start({ everyMs: 60_000, onSample() {} })`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: 15_000,
  })
  expect(status).toBe(0)
})

test('a wrong interval or listener is refused', () => {
  const monitor = new MemoryMonitor()
  expect(() => monitor.start({ everyMs: 0, onSample })).toThrow(
    new RangeError('everyMs must be milliseconds from 1 to 2147483647, got 0'),
  )
  expect(() => monitor.start({ everyMs: 2 ** 31, onSample })).toThrow(RangeError)
  expect(() => monitor.start({ everyMs: 1, onSample: 'x' as never })).toThrow(
    new TypeError("onSample must be a function, got 'x'"),
  )
})

function onSample(): void {}
