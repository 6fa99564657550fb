import { expect, test } from 'vitest'
import { Quantiles } from '../src/quantiles.ts'

test('without values there is no quantile', () => {
  expect(new Quantiles().at(0.5)).toBeUndefined()
})

test('a single value is every quantile, exactly', () => {
  for (const value of [0, 1e-12, 0.3, 7, 1e15, Number.MAX_VALUE]) {
    const quantiles = new Quantiles()
    quantiles.record(value)
    for (const share of [0, 0.5, 1]) expect(quantiles.at(share)).toBe(value)
  }
})

test('quantiles of long-tailed values are right to within 0.8 %', () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const random = mulberry32(seed)
  const quantiles = new Quantiles()
  const values = Float64Array.from({ length: 20_000 }, () =>
    Math.exp(3 * (random() + random() + random() - 3)),
  )
  for (const value of values) quantiles.record(value)
  values.sort()
  for (const share of [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999]) {
    const exact = values[Math.ceil(share * values.length) - 1]!
    expect(Math.abs(quantiles.at(share)! / exact - 1), `p${share * 100}, seed ${seed}`).toBeLessThan(0.008)
  }
})

test('a reset forgets', () => {
  const quantiles = new Quantiles()
  quantiles.record(5)
  quantiles.reset()
  expect(quantiles.at(1)).toBeUndefined()
  quantiles.record(2)
  expect(quantiles.at(1)).toBe(2)
})

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
