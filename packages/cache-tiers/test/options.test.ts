import { expect, expectTypeOf, test } from 'vitest'
import { AsyncLRUCache, TieredCache } from '../src/index.ts'

const make = (options: object) => () => new AsyncLRUCache({ maxSize: 1, ...options })

test('wrong options are refused with what was expected and what came', () => {
  expect(make({ maxSize: 0 })).toThrow(new RangeError('maxSize must be an integer from 1 to 8388608, got 0'))
  expect(make({ maxSize: 1.5 })).toThrow(RangeError)
  expect(make({ maxSize: undefined })).toThrow(RangeError)
  expect(make({ maxSize: 2 ** 24 })).toThrow(RangeError)
  expect(make({ maxBytes: 0 })).toThrow(new RangeError('maxBytes must be a number above 0, got 0'))
  expect(make({ ttlMs: Number.NaN })).toThrow(new RangeError('ttlMs must be a number above 0, got NaN'))
  expect(make({ ttlMs: '1000' })).toThrow(new RangeError("ttlMs must be a number above 0, got '1000'"))
  expect(make({ maxBytes: '1' })).toThrow(new RangeError("maxBytes must be a number above 0, got '1'"))
  for (const name of ['sizeOf', 'clock', 'onEvict', 'clone']) {
    expect(make({ [name]: 1 })).toThrow(new TypeError(`${name} must be a function, got 1`))
  }
  expect(() => new TieredCache({ l1: { maxSize: -1 } })).toThrow(RangeError)
})

test('missing options are refused by name', () => {
  expect(() => Reflect.construct(AsyncLRUCache, [])).toThrow(
    new TypeError('options must be an object, got undefined'),
  )
  expect(() => Reflect.construct(TieredCache, [])).toThrow(
    new TypeError('config must be an object, got undefined'),
  )
  expect(() => new TieredCache({} as never)).toThrow(new TypeError('l1 must be an object, got undefined'))
})

test('set refuses a wrong ttl, stale time or size and leaves the entry as it was', () => {
  const cache = new AsyncLRUCache({ maxSize: 1 })
  cache.set('a', 1)
  expect(() => cache.set('a', 2, { ttlMs: 0 })).toThrow('ttlMs must be a number above 0, got 0')
  expect(() => cache.set('a', 2, { staleMs: -1 })).toThrow('staleMs must be a number from 0, got -1')
  expect(() => cache.set('a', 2, { ttlMs: '9' as never })).toThrow("ttlMs must be a number above 0, got '9'")
  expect(() => cache.set('a', 2, { size: 0.5 })).toThrow('size must be an integer from 0, got 0.5')
  expect(cache.get('a')).toBe(1)
})

test('getOrCompute rejects wrong options before it computes', async () => {
  const cache = new AsyncLRUCache({ maxSize: 1 })
  const wrong = [
    { ttlMs: 0 },
    { jitter: 2 },
    { jitter: '0' as never },
    { ttlMs: '1000' as never },
    { swrMs: -1 },
    { staleIfErrorMs: Number.NaN },
    { hardTimeoutMs: 0 },
  ]
  for (const options of wrong) {
    await expect(cache.getOrCompute('a', () => 1, options)).rejects.toThrow(RangeError)
  }
  expect(cache.stats().computes).toBe(0)
})

test('types follow the cache', () => {
  const cache = new AsyncLRUCache<number, string>({ maxSize: 1 })
  expectTypeOf(cache.get(1)).toEqualTypeOf<string | undefined>()
  expectTypeOf(cache.getOrCompute(1, ({ key }) => key.toFixed())).toEqualTypeOf<Promise<string>>()
  // @ts-expect-error a key of another type
  cache.get('1')
  // @ts-expect-error a value of another type
  void cache.getOrCompute(1, () => 1)
  const tiered = new TieredCache({ l1: { maxSize: 1 } })
  expectTypeOf(tiered.getOrCompute('a', () => Promise.resolve(1))).toEqualTypeOf<Promise<number>>()
})
