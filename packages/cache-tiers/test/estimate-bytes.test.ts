import { expect, test } from 'vitest'
import { estimateBytes } from '../src/estimate-bytes.ts'

test('an estimate grows with what a value holds', () => {
  const small = estimateBytes({ a: 1 }, 'k')
  expect(estimateBytes({ a: 1, b: 'x'.repeat(1000) }, 'k')).toBeGreaterThan(small + 1000)
  expect(estimateBytes({ a: 1 }, 'k'.repeat(1000))).toBeGreaterThan(small + 900)
  expect(estimateBytes(new Map([['key', [1, 2, 3]]]), 1)).toBeGreaterThan(estimateBytes(new Map(), 1) + 60)
  expect(estimateBytes(new Set(['abc']), 1)).toBeGreaterThan(estimateBytes(new Set(), 1))
})

test('a buffer counts its bytes once', () => {
  expect(estimateBytes(Buffer.alloc(5000), 1)).toBeLessThan(5100)
  expect(estimateBytes(new ArrayBuffer(5000), 1)).toBeGreaterThan(5000)
})

test('circles, shared objects and deep nesting end', () => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  expect(estimateBytes(circle, 1)).toBeLessThan(100)
  const shared = 'x'.repeat(10).split('')
  expect(estimateBytes([shared, shared], 1)).toBeLessThan(2 * estimateBytes([shared], 1))
  let deep: unknown[] = []
  for (let i = 0; i < 100_000; i++) deep = [deep]
  expect(estimateBytes(deep, 1)).toBeGreaterThan(100_000)
})

test('primitives, functions and null are a word each', () => {
  for (const value of [1, true, null, undefined, 1n, Symbol('s'), () => 1]) {
    expect(estimateBytes(value, 1)).toBe(16)
  }
})
