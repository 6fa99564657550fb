import { expect, test, vi } from 'vitest'
import { AsyncLRUCache } from '../src/index.ts'

test('a value is fresh for its ttl and gone after it', () => {
  let now = 1000
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2, ttlMs: 50, clock: () => now })
  cache.set('a', 1)
  now += 49
  expect([cache.get('a'), cache.ttlLeftMs('a')]).toEqual([1, 1])
  now += 1
  expect([cache.peek('a'), cache.has('a'), cache.ttlLeftMs('a'), [...cache]]).toEqual([
    undefined,
    false,
    undefined,
    [],
  ])
  expect([cache.size, cache.get('a'), cache.size]).toEqual([1, undefined, 0])
})

test('set may give a value a ttl of its own', () => {
  let now = 0
  const cache = new AsyncLRUCache<string, number>({ maxSize: 3, clock: () => now })
  cache.set('forever', 1)
  cache.set('short', 2, { ttlMs: 10 })
  cache.set('then forever', 3, { ttlMs: 10 })
  cache.set('then forever', 4)
  now = 1e9
  expect([...cache]).toEqual([
    ['forever', 1],
    ['then forever', 4],
  ])
  expect(cache.ttlLeftMs('forever')).toBe(Infinity)
})

test('a use does not lengthen the ttl', () => {
  let now = 0
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2, ttlMs: 10, clock: () => now })
  cache.set('a', 1)
  for (; now < 10; now++) expect(cache.get('a')).toBe(1)
  expect(cache.get('a')).toBeUndefined()
})

test('an expired value stays for getStale as long as asked, and for nobody else', () => {
  let now = 0
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2, clock: () => now })
  cache.set('a', 1, { ttlMs: 10, staleMs: 5 })
  cache.set('b', 2, { ttlMs: 10 })
  now = 14
  expect([cache.get('a'), cache.get('b'), cache.getStale('a'), cache.getStale('b')]).toEqual([
    undefined,
    undefined,
    1,
    undefined,
  ])
  now = 15
  expect([cache.getStale('a'), cache.get('a'), cache.size]).toEqual([undefined, undefined, 0])
})

test('an entry that takes a used slot inherits no stale time', () => {
  let now = 0
  const cache = new AsyncLRUCache<string, number>({ maxSize: 1, clock: () => now })
  cache.set('a', 1, { ttlMs: 10, staleMs: 1000 })
  cache.set('b', 2, { ttlMs: 10 })
  now = 11
  expect(cache.getStale('b')).toBeUndefined()
})

test('expiry holds for entries added before and after the first ttl, and after growth', () => {
  let now = 0
  const cache = new AsyncLRUCache<number, number>({ maxSize: 1000, clock: () => now })
  for (let i = 0; i < 500; i++) cache.set(i, i)
  for (let i = 500; i < 1000; i++) cache.set(i, i, { ttlMs: 10, staleMs: 10, size: 1 })
  now = 10
  expect([...cache].map(([key]) => key)).toEqual(Array.from({ length: 500 }, (_, i) => i))
  expect([cache.getStale(999), cache.stats().bytes]).toEqual([999, 500])
})

test('a clock that jumps back makes values live longer and breaks nothing', () => {
  let now = 1000
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2, ttlMs: 10, clock: () => now })
  cache.set('a', 1)
  now = -1_000_000
  expect(cache.get('a')).toBe(1)
  cache.set('b', 2)
  now = 2000
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, undefined, 0])
})

test('the wall clock has no say', () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const cache = new AsyncLRUCache<string, number>({ maxSize: 2, ttlMs: 60_000 })
    cache.set('a', 1)
    vi.setSystemTime(Date.now() + 1e12)
    expect(cache.get('a')).toBe(1)
  } finally {
    vi.useRealTimers()
  }
})

test('without an injected clock values expire in real time', async () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2, ttlMs: 1 })
  cache.set('a', 1)
  await vi.waitFor(() => expect(cache.get('a')).toBeUndefined())
})
