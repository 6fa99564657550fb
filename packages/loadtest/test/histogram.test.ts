import { expect, test } from 'vitest'
import { Histogram } from '../src/index.ts'
import { seededRandom } from './seeded-random.ts'

const quantiles = [0.001, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999]

test('quantiles are within one percent of those of the sorted times', () => {
  const random = seededRandom(Number(process.env['SEED'] ?? Date.now()))
  const shapes: (() => number)[] = [
    () => random() * 100,
    () => Math.exp(3 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())),
    () => (random() < 0.98 ? 1 + random() : 1000 + 100 * random()),
    () => 10 ** (6 * random() - 1),
  ]
  for (const shape of shapes) {
    const times = Array.from({ length: 50_000 }, shape)
    const histogram = new Histogram()
    for (const ms of times) histogram.record(ms)
    const sorted = times.toSorted((a, b) => a - b)
    for (const q of quantiles) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1]!
      // Below 0.1 ms the resolution of a microsecond shows.
      expect(Math.abs(histogram.quantile(q) - exact)).toBeLessThanOrEqual(
        Math.max(exact * 0.004, 0.0005) + 1e-9,
      )
    }
    expect(histogram.count).toBe(times.length)
    expect(histogram.meanMs).toBeCloseTo(sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length, 6)
    expect(histogram.quantile(0)).toBe(sorted[0])
    expect(histogram.quantile(1)).toBe(sorted.at(-1))
    expect(histogram.maxMs).toBe(sorted.at(-1))
  }
})

test('every power of two and its neighbours land within half a percent', () => {
  for (let us = 1; us < 2 ** 32; us *= 2) {
    for (const near of [us - 1, us, us + 1]) {
      const histogram = new Histogram()
      histogram.record(0)
      histogram.record(near / 1000)
      histogram.record(1e7)
      expect(Math.abs(histogram.quantile(0.5) * 1000 - near)).toBeLessThanOrEqual(near * 0.004)
    }
  }
})

test('an empty histogram has no quantiles', () => {
  const histogram = new Histogram()
  expect([histogram.quantile(0.5), histogram.meanMs, histogram.minMs, histogram.maxMs]).toEqual([
    NaN,
    NaN,
    NaN,
    NaN,
  ])
})

test('times too long for its buckets keep their count and their maximum', () => {
  const histogram = new Histogram()
  histogram.record(1e9)
  expect([histogram.count, histogram.maxMs, histogram.quantile(0.5)]).toEqual([1, 1e9, 1e9])
})

test('what is no time is refused', () => {
  const histogram = new Histogram()
  for (const ms of [-1, NaN, Infinity]) {
    expect(() => histogram.record(ms)).toThrow(new RangeError(`ms must be a finite number from 0, got ${ms}`))
  }
  expect(() => histogram.quantile(1.1)).toThrow(RangeError)
  expect(histogram.count).toBe(0)
})

test('merging gives what recording everything in one would have given', () => {
  const [left, right, both] = [new Histogram(), new Histogram(), new Histogram()]
  for (let ms = 1; ms <= 1000; ms++) {
    ;(ms % 3 === 0 ? left : right).record(ms)
    both.record(ms)
  }
  left.merge(right)
  left.merge(new Histogram())
  expect(left.toJSON()).toEqual(both.toJSON())
})

test('it survives JSON', () => {
  const histogram = new Histogram()
  for (const ms of [0.25, 3, 3, 70_000]) histogram.record(ms)
  const again = Histogram.from(JSON.parse(JSON.stringify(histogram)))
  expect(again.toJSON()).toEqual(histogram.toJSON())
  expect(again.quantile(0.5)).toBe(histogram.quantile(0.5))
  expect(Histogram.from(new Histogram().toJSON()).minMs).toBeNaN()
})

test('data that is no histogram is refused', () => {
  const data = new Histogram().toJSON()
  expect(() => Histogram.from({ ...data, version: 2 as 1 })).toThrow(TypeError)
  for (const buckets of [[-1, 1], [1e9, 1], [0.5, 1], [1], [1, -1], [1, 0.5]]) {
    expect(() => Histogram.from({ ...data, buckets }), JSON.stringify(buckets)).toThrow(TypeError)
  }
})
