import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { PerformanceObserver } from 'node:perf_hooks'
import { expect, test, vi } from 'vitest'
import { collectGarbage, GcMonitor } from '../src/index.ts'

const turn = (): Promise<void> => new Promise(setImmediate)

test('pauses are counted by kind, with their time and its share', async () => {
  using monitor = new GcMonitor()
  monitor.start()
  collectGarbage('minor')
  collectGarbage('major')
  collectGarbage('minor')
  await expect.poll(() => monitor.stats().major).toBeGreaterThan(0)
  const stats = monitor.stats()
  expect(stats.minor).toBeGreaterThan(0)
  expect(stats.pauses).toBe(stats.minor + stats.major + stats.incremental + stats.weakCallbacks)
  const ms = stats.minorMs + stats.majorMs + stats.incrementalMs + stats.weakCallbacksMs
  expect(stats.pauseMs).toBeCloseTo(ms)
  expect(stats.longestMs).toBeGreaterThanOrEqual(stats.majorMs / stats.major)
  expect(stats.longestMs).toBeLessThanOrEqual(stats.pauseMs)
  expect(stats.share).toBeCloseTo(stats.pauseMs / stats.runMs)
  expect(Object.isFrozen(stats)).toBe(true)
})

test('nothing is counted before the start and after the stop', async () => {
  const monitor = new GcMonitor()
  collectGarbage('minor')
  await turn()
  expect(monitor.stats()).toMatchObject({ pauses: 0, runMs: 0, share: 0 })
  monitor.start()
  monitor.start()
  monitor.stop()
  monitor.stop()
  const stopped = monitor.stats()
  collectGarbage('minor')
  for (let n = 0; n < 3; n++) await turn()
  expect(monitor.stats()).toEqual(stopped)
})

test('a monitor that starts again goes on counting', async () => {
  using monitor = new GcMonitor()
  let ranMs = 0
  for (const times of [1, 2]) {
    monitor.start()
    expect(monitor.stats().runMs).toBeGreaterThanOrEqual(ranMs)
    collectGarbage('major')
    await expect.poll(() => monitor.stats().major).toBeGreaterThanOrEqual(times)
    monitor.stop()
    ranMs = monitor.stats().runMs
    expect(ranMs).toBeGreaterThan(0)
  }
})

test('each pause is published', async () => {
  const seen: unknown[] = []
  const listener = (message: unknown): void => void seen.push(message)
  subscribe('code:gc:pause', listener)
  try {
    using monitor = new GcMonitor()
    monitor.start()
    collectGarbage('major')
    await expect.poll(() => monitor.stats().major).toBeGreaterThan(0)
    expect(seen).toContainEqual({ kind: 'major', ms: expect.any(Number) })
    expect(seen).toHaveLength(monitor.stats().pauses)
  } finally {
    unsubscribe('code:gc:pause', listener)
  }
})

test('a monitor that was forgotten stops observing once it is collected', async () => {
  const observe = vi.spyOn(PerformanceObserver.prototype, 'observe')
  const disconnect = vi.spyOn(PerformanceObserver.prototype, 'disconnect')
  startAndForget()
  const [observer] = observe.mock.contexts
  const stopped = (): boolean => {
    collectGarbage()
    return disconnect.mock.contexts.includes(observer)
  }
  expect(stopped()).toBe(false)
  await expect.poll(stopped, { timeout: 10_000 }).toBe(true)
  vi.restoreAllMocks()
})

test('a name must be a string that is not empty', () => {
  expect(() => new GcMonitor({ name: 5 as never })).toThrow(
    'name must be a string that is not empty, got number',
  )
})

test('it is listed among the instruments while it runs', () => {
  const monitor = new GcMonitor({ name: 'of-a-test' })
  expect(listed()).not.toContain('gc:of-a-test')
  monitor.start()
  monitor.start()
  expect(listed()).toContain('gc:of-a-test')
  monitor.stop()
  expect(listed().filter((key) => key.startsWith('gc:of-a-test'))).toEqual([])
  expect(new GcMonitor().name).toMatch(/^gc-\d+$/)
})

function startAndForget(): void {
  new GcMonitor().start()
}

function listed(): string[] {
  const instruments = (globalThis as { [key: symbol]: unknown })[Symbol.for('code.instruments')]
  return instruments instanceof Map ? [...instruments.keys()] : []
}
