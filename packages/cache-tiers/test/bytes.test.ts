import { expect, test } from 'vitest'
import { AsyncLRUCache } from '../src/index.ts'

test('the least recently used entries make room for bytes', () => {
  const cache = new AsyncLRUCache<string, string>({
    maxSize: 100,
    maxBytes: 10,
    sizeOf: (value) => value.length,
  })
  cache.set('a', '1234')
  cache.set('b', '1234')
  cache.get('a')
  cache.set('c', '12345')
  expect([...cache].map(([key]) => key)).toEqual(['a', 'c'])
  cache.set('d', '1234567890')
  expect([...cache].map(([key]) => key)).toEqual(['d'])
  expect([cache.stats().bytes, cache.stats().evictions]).toEqual([10, 3])
})

test('an entry larger than the limit is refused, visibly, and its old value is gone', () => {
  const refused: string[] = []
  const cache = new AsyncLRUCache<string, string>({
    maxSize: 100,
    maxBytes: 10,
    sizeOf: (value) => value.length,
    onEvict: (key, value, reason) => refused.push(`${key} ${value.length} ${reason}`),
  })
  cache.set('other', '1')
  cache.set('a', '12')
  expect(cache.set('a', 'x'.repeat(11))).toBe(false)
  expect([cache.has('a'), cache.has('other'), cache.stats().refused, cache.stats().bytes]).toEqual([
    false,
    true,
    1,
    1,
  ])
  expect(refused).toEqual(['a 2 replaced', 'a 11 too-large'])
})

test('a computed value larger than the limit is returned and not kept', async () => {
  const cache = new AsyncLRUCache<string, string>({
    maxSize: 1,
    maxBytes: 3,
    sizeOf: (value) => value.length,
  })
  expect(await cache.getOrCompute('a', () => 'long')).toBe('long')
  expect([cache.size, cache.stats().refused]).toEqual([0, 1])
})

test('a value that grows makes room for itself', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 10, maxBytes: 10, sizeOf: (value) => value })
  cache.set('a', 4)
  cache.set('b', 4)
  cache.set('a', 8)
  expect([...cache]).toEqual([['a', 8]])
})

test('the bytes of what left are given back', () => {
  let now = 0
  const cache = new AsyncLRUCache<number, number>({
    maxSize: 3,
    sizeOf: () => 2,
    ttlMs: 10,
    clock: () => now,
  })
  for (let i = 0; i < 10; i++) cache.set(i, i)
  expect(cache.stats().bytes).toBe(6)
  cache.delete(9)
  now = 10
  cache.get(8)
  expect(cache.stats().bytes).toBe(2)
  cache.clear()
  expect(cache.stats().bytes).toBe(0)
})

test('without sizeOf a byte limit estimates', () => {
  const cache = new AsyncLRUCache<number, Buffer>({ maxSize: 1000, maxBytes: 1_000_000 })
  for (let i = 0; i < 100; i++) cache.set(i, Buffer.alloc(100_000))
  expect(cache.size).toBe(9)
  expect(cache.set(0, Buffer.alloc(1_000_000))).toBe(false)
})

test('a sizeOf that gives no number of bytes is told so', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 1, sizeOf: () => Number.NaN })
  expect(() => cache.set('a', 1)).toThrow(new RangeError('size must be an integer from 0, got NaN'))
})
