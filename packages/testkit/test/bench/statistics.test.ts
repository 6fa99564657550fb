import { expect, test } from 'vitest'
import { median, medianInterval, quantile, ratios, summarize } from '../../src/index.ts'

test('the median is the middle, or the mean of the two in the middle, in whatever order', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
  expect(median([1, Infinity, Infinity, Infinity])).toBe(Infinity)
})

test('quantiles interpolate as R and NumPy do by default', () => {
  // numpy.quantile([15, 20, 35, 40, 50], [.4, .95]), numpy.quantile([1, 2, 3, 4], .25)
  expect(quantile([15, 20, 35, 40, 50], 0.4)).toBeCloseTo(29, 12)
  expect(quantile([50, 40, 35, 20, 15], 0.95)).toBeCloseTo(48, 12)
  expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75)
  expect(quantile([1, 2, 3], 0)).toBe(1)
  expect(quantile([1, 2, 3], 1)).toBe(3)
})

test('the interval takes the ranks of the sign test', () => {
  // Tabled ranks for 95 %: n = 9 gives 2 and 8 (96.1 %), n = 10 gives 2 and 9 (97.9 %), n = 20 gives 6 and 15 (95.9 %).
  expect(medianInterval(upTo(9))).toEqual({ low: 2, high: 8, confidence: expect.closeTo(0.961, 3) })
  expect(medianInterval(upTo(10))).toEqual({ low: 2, high: 9, confidence: expect.closeTo(0.979, 3) })
  expect(medianInterval(upTo(20))).toEqual({ low: 6, high: 15, confidence: expect.closeTo(0.959, 3) })
  expect(medianInterval(upTo(20), 0.99)).toMatchObject({ low: 4, high: 17 })
})

test('few values give their whole range, and say how little that is worth', () => {
  expect(medianInterval(upTo(7))).toEqual({ low: 1, high: 7, confidence: 1 - 2 / 128 })
  expect(medianInterval(upTo(5))).toEqual({ low: 1, high: 5, confidence: 0.9375 })
  expect(medianInterval([3])).toEqual({ low: 3, high: 3, confidence: 0 })
})

test('the interval holds the true median as often as it says', () => {
  const seed = 20261123
  const random = mulberry32(seed)
  let held = 0
  const trials = 4_000
  for (let trial = 0; trial < trials; trial++) {
    // Skewed, as times are: the median of -ln(u) is ln 2.
    const values = Array.from({ length: 11 }, () => -Math.log(1 - random()))
    const { low, high } = medianInterval(values)
    if (low <= Math.LN2 && Math.LN2 <= high) held++
  }
  const { confidence } = medianInterval(upTo(11))
  expect(Math.abs(held / trials - confidence), `seed ${seed}`).toBeLessThan(0.015)
})

test('ratios are taken round by round, and nothing against nothing is a tie', () => {
  expect(ratios([6, 9, 0, 5], [2, 3, 0, 0])).toEqual([3, 3, 1, Infinity])
  expect(() => ratios([1], [1, 2])).toThrow(RangeError)
})

test('a summary is the median with its interval', () => {
  expect(summarize(upTo(9))).toEqual({ median: 5, low: 2, high: 8, confidence: expect.closeTo(0.961, 3) })
  expect(() => summarize([])).toThrow(RangeError)
})

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1)
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
