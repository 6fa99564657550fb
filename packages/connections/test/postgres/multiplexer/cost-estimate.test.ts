import { expect, test } from 'vitest'
import { CostEstimate } from '../../../src/postgres/multiplexer/cost-estimate.ts'
import { seeded } from '../wire/conversation.ts'

function learned(ms: () => number, runs = 1_000): CostEstimate {
  const cost = new CostEstimate()
  for (let i = 0; i < runs; i++) cost.completed(ms())
  return cost
}

test('what has run less than three times needs a line for itself', () => {
  const cost = learned(() => 0.1, 2)
  expect(cost.needsOwnLine).toBe(true)
  cost.completed(0.1)
  expect(cost.needsOwnLine).toBe(false)
})

test('what takes more than two milliseconds on average needs a line for itself, and is known to be slow', () => {
  expect(learned(() => 1.9)).toMatchObject({ needsOwnLine: false, knownSlow: true })
  expect(learned(() => 2.1)).toMatchObject({ needsOwnLine: true, knownSlow: true })
})

test('fast ones share by the work that they are', () => {
  expect(learned(() => 0.01).depth).toBe(48)
  expect(learned(() => 0.1).depth).toBeCloseTo(10, 0)
  expect(learned(() => 0.9).depth).toBe(4)
  expect(learned(() => 3).depth).toBe(1)
})

test('the base is the lower quartile: load that makes some slower spreads nothing', () => {
  const random = seeded(1)
  const calm = learned(() => 0.1)
  const loaded = learned(() => (random() < 0.6 ? 0.8 : 0.1))
  expect(loaded.depth).toBeGreaterThan(0.8 * calm.depth)
  expect(loaded.meanMs).toBeGreaterThan(4 * calm.meanMs)
})

test('the more often one is slow, the fewer go together', () => {
  const random = seeded(2)
  const depths = [0, 0.01, 0.05, 0.2].map(
    (share) => learned(() => (random() < share ? 20 : 0.02), 2_000).depth,
  )
  expect(depths).toEqual(depths.toSorted((a, b) => b - a))
  expect(depths[0]).toBe(48)
  expect(depths[1]).toBeLessThan(8)
})

test('one that is slow now and then is waited for less patiently', () => {
  const cost = learned(() => 0.1)
  expect(cost).toMatchObject({ isMixed: false, patienceMs: 5 })
  for (let i = 0; i < 3; i++) cost.completed(20)
  expect(cost).toMatchObject({ isMixed: true, patienceMs: 2.5 })
})

test('what is still running raises the mean, and makes nothing known as slow', () => {
  const cost = learned(() => 0.1)
  for (let i = 0; i < 100; i++) cost.running(500)
  expect(cost).toMatchObject({ needsOwnLine: true, knownSlow: false, runs: 1_000 })
  expect(cost.completedMeanMs).toBeCloseTo(0.1)
  cost.running(0.01)
  expect(cost.meanMs).toBeGreaterThan(100)
})

test('answers that come together, with no time between them, leave a finite depth', () => {
  expect(learned(() => 0).depth).toBe(48)
})
