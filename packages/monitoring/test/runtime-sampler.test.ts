import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { RuntimeSampler, type RuntimeReading } from '../src/runtime-sampler.ts'

test('a blocked event loop shows as delay and as utilization', async () => {
  using sampler = new RuntimeSampler()
  const { eventLoop } = await stallUntilSeen(sampler)
  expect(eventLoop.delayMaxMs).toBeLessThan(1_100)
  expect(eventLoop.utilization).toBeGreaterThan(0.1)
  expect(eventLoop.utilization).toBeLessThanOrEqual(1)
})

test('before anything was measured the figures are zero, not infinite', () => {
  using sampler = new RuntimeSampler()
  expect(sampler.read()).toMatchObject({
    eventLoop: { delayP50Ms: 0, delayP99Ms: 0, delayMaxMs: 0 },
    gc: { pausesMs: 0, share: 0 },
  })
})

test('pauses of the garbage collector are added up, and recorded by kind', async () => {
  using sampler = new RuntimeSampler()
  for (let garbage: unknown[] = []; sampler.read().gc.pausesMs === 0; garbage = []) {
    for (let i = 0; i < 200_000; i++) garbage.push({ i })
    await setImmediate()
  }
  const { share } = sampler.read().gc
  expect(share).toBeGreaterThan(0)
  expect(share).toBeLessThanOrEqual(1)
  const recorded = sampler.metrics.snapshot().map(({ labels }) => labels['v8js_gc_type'])
  expect(['minor', 'major', 'incremental', 'weakcb']).toEqual(expect.arrayContaining(recorded))
})

test('a reading is of the last whole window', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  using sampler = new RuntimeSampler()
  await stallUntilSeen(sampler)
  vi.advanceTimersByTime(5_000)
  const stalled = sampler.read()
  expect(stalled.eventLoop.delayMaxMs).toBeGreaterThan(80)
  expect(sampler.read()).toBe(stalled)
  vi.advanceTimersByTime(5_000)
  vi.useRealTimers()
  expect(sampler.read()).not.toBe(stalled)
})

/** The loop's delay is measured by a timer of its own, which must have ticked before and after the stall. */
async function stallUntilSeen(sampler: RuntimeSampler): Promise<RuntimeReading> {
  while (sampler.read().eventLoop.delayMaxMs < 80) {
    const until = performance.now() + 100
    while (performance.now() < until);
    await setImmediate()
  }
  return sampler.read()
}
