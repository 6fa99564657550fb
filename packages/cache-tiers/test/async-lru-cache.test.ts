import { expect, test } from 'vitest'
import { AsyncLRUCache, type EvictReason } from '../src/index.ts'

test('a value is found under its key', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2 })
  expect(cache.set('a', 1)).toBe(true)
  expect(cache.get('a')).toBe(1)
  expect(cache.get('b')).toBeUndefined()
})

test('the least recently used entry makes room', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2 })
  cache.set('a', 1)
  cache.set('b', 2)
  cache.get('a')
  cache.set('c', 3)
  expect([...cache]).toEqual([
    ['a', 1],
    ['c', 3],
  ])
})

test('peek, has, getStale and iteration do not count as a use', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2 })
  cache.set('a', 1)
  cache.set('b', 2)
  expect([cache.peek('a'), cache.has('a'), cache.getStale('a'), [...cache].length]).toEqual([1, true, 1, 2])
  cache.set('c', 3)
  expect(cache.has('a')).toBe(false)
})

test('a cache of one entry keeps the last', () => {
  const cache = new AsyncLRUCache<number, number>({ maxSize: 1 })
  for (let i = 0; i < 100; i++) cache.set(i, i)
  expect([...cache]).toEqual([[99, 99]])
})

test('setting a key again replaces its value in place', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2 })
  cache.set('a', 1)
  cache.set('a', 2)
  expect([cache.size, cache.get('a')]).toEqual([1, 2])
})

test('null, undefined and false are values', async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  let computes = 0
  for (const value of [null, undefined, false, 0, '', Number.NaN]) {
    const compute = (): unknown => {
      computes++
      return value
    }
    const key = String(value)
    await cache.getOrCompute(key, compute)
    expect(await cache.getOrCompute(key, compute)).toBe(value)
    expect(cache.has(key)).toBe(true)
  }
  expect(computes).toBe(6)
})

test('every kind of key is kept apart', () => {
  const long = 'k'.repeat(10_240)
  const keys = [
    '__proto__',
    'constructor',
    '',
    'a\0b',
    'a\0c',
    '👩‍🚀',
    long,
    `${long}!`,
    1,
    '1',
    Number.NaN,
    {},
    {},
    null,
  ]
  const cache = new AsyncLRUCache<unknown, number>({ maxSize: keys.length + 1 })
  for (const [index, key] of keys.entries()) cache.set(key, index)
  cache.set(undefined, 99)
  expect(keys.map((key) => cache.get(key))).toEqual(keys.map((_, index) => index))
  expect(cache.get(undefined)).toBe(99)
})

test('0 and -0 are the same key, as in a Map', () => {
  const cache = new AsyncLRUCache<number, string>({ maxSize: 2 })
  cache.set(-0, 'zero')
  expect(cache.get(0)).toBe('zero')
})

test('delete tells whether there was an entry and makes room for another', () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 2 })
  cache.set('a', 1)
  cache.set('b', 2)
  expect([cache.delete('a'), cache.delete('a')]).toEqual([true, false])
  cache.set('c', 3)
  expect([cache.has('b'), cache.stats().evictions]).toEqual([true, 0])
})

test('clear empties the cache, which goes on', () => {
  const cache = new AsyncLRUCache<number, number>({ maxSize: 200, ttlMs: 1000 })
  for (let i = 0; i < 300; i++) cache.set(i, i)
  cache.clear()
  expect([cache.size, [...cache], cache.get(299)]).toEqual([0, [], undefined])
  for (let i = 0; i < 300; i++) cache.set(i, -i)
  expect([cache.size, cache.get(299), cache.get(0)]).toEqual([200, -299, undefined])
})

test('changes during an iteration do no harm', () => {
  const cache = new AsyncLRUCache<number, number>({ maxSize: 10 })
  for (let i = 0; i < 10; i++) cache.set(i, i)
  const seen: number[] = []
  for (const [key] of cache) {
    seen.push(key)
    cache.delete(key)
    cache.delete(key + 1)
    if (key < 4) cache.set(key + 100, key)
  }
  expect(seen).toEqual([0, 2, 4, 6, 8, 100, 102])
})

test('onEvict hears of every value that leaves, and why', () => {
  let now = 0
  const left: [string, unknown, EvictReason][] = []
  const cache = new AsyncLRUCache({
    maxSize: 2,
    maxBytes: 100,
    sizeOf: (value) => (typeof value === 'number' ? value : 0),
    clock: () => now,
    onEvict: (key, value, reason) => left.push([key, value, reason]),
  })
  cache.set('a', 1)
  cache.set('b', 2)
  cache.set('c', 3)
  cache.set('c', 4)
  cache.set('b', 99)
  cache.set('d', 101)
  cache.set('e', 1, { ttlMs: 10 })
  now = 10
  cache.get('e')
  cache.delete('b')
  cache.set('f', 5)
  cache.clear()
  expect(left).toEqual([
    ['a', 1, 'capacity'],
    ['c', 3, 'replaced'],
    ['b', 2, 'replaced'],
    ['c', 4, 'bytes'],
    ['d', 101, 'too-large'],
    ['e', 1, 'expired'],
    ['b', 99, 'deleted'],
    ['f', 5, 'cleared'],
  ])
})

test('setting the same value again is no departure', () => {
  const left: unknown[] = []
  const cache = new AsyncLRUCache<string, object>({ maxSize: 2, onEvict: (key) => left.push(key) })
  const value = {}
  cache.set('a', value)
  cache.set('a', value, { ttlMs: 1000 })
  expect(left).toEqual([])
})

test('what onEvict throws reaches the caller, after the entry was kept', () => {
  const cache = new AsyncLRUCache<string, number>({
    maxSize: 1,
    onEvict: (key) => {
      throw new Error(`cannot free ${key}`)
    },
  })
  cache.set('a', 1)
  expect(() => cache.set('b', 2)).toThrow('cannot free a')
  expect([...cache]).toEqual([['b', 2]])
  expect(() => cache.delete('b')).toThrow('cannot free b')
  expect(cache.size).toBe(0)
})

test('onEvict hears of all departures of one call although it throws at each', () => {
  const left: number[] = []
  const cache = new AsyncLRUCache<number, number>({
    maxSize: 10,
    onEvict: (key) => {
      left.push(key)
      throw new Error(`cannot free ${key}`)
    },
  })
  for (let i = 0; i < 3; i++) cache.set(i, i)
  expect(() => cache.clear()).toThrow(AggregateError)
  expect([left, cache.size]).toEqual([[0, 1, 2], 0])
  cache.set(7, 7)
  expect(cache.get(7)).toBe(7)
})

test('onEvict may use the cache', () => {
  const cache: AsyncLRUCache<string, number> = new AsyncLRUCache<string, number>({
    maxSize: 2,
    onEvict: (key, value, reason) => {
      if (reason === 'capacity' && !key.startsWith('old ')) cache.set(`old ${key}`, value)
    },
  })
  cache.set('a', 1)
  cache.set('b', 2)
  cache.set('c', 3)
  expect(new Map(cache)).toEqual(
    new Map([
      ['old b', 2],
      ['old c', 3],
    ]),
  )
})

test('clone keeps callers from changing what is cached', async () => {
  const cache = new AsyncLRUCache<string, number[]>({ maxSize: 2, clone: true })
  const value = [1]
  cache.set('a', value)
  value.push(2)
  cache.get('a')?.push(3)
  const [first, second] = await Promise.all([
    cache.getOrCompute('b', () => [1]),
    cache.getOrCompute('b', () => [1]),
  ])
  first.push(2)
  expect([cache.get('a'), cache.get('b'), second]).toEqual([[1], [1], [1]])
})

test('the figures add up', async () => {
  const cache = new AsyncLRUCache<string, number>({ name: 'n', maxSize: 2, maxBytes: 10, sizeOf: () => 4 })
  cache.get('a')
  cache.set('a', 1)
  cache.get('a')
  cache.set('b', 1)
  cache.set('c', 1)
  cache.set('d', 1, { size: 11 })
  await cache.getOrCompute('e', () => 5)
  await expect(cache.getOrCompute('f', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  const stats = cache.stats()
  expect(stats).toEqual({
    size: 2,
    maxSize: 2,
    bytes: 8,
    hits: 1,
    misses: 3,
    staleHits: 0,
    evictions: 2,
    refused: 1,
    computes: 2,
    computeFailures: 1,
    inFlight: 0,
  })
  expect(Object.isFrozen(stats)).toBe(true)
})
