import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AsyncLRUCache, TieredCache, type ComputeContext } from '../src/index.ts'

test('a value is computed once, kept, and found', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  const callers = Array.from({ length: 100 }, () => cache.getOrCompute('a', async () => ({ id: 1 })))
  const [first, second] = await Promise.all(callers)
  expect(first).toBe(second)
  expect(await cache.get('a')).toBe(first)
  expect(cache.stats()).toEqual({
    computes: 1,
    computeFailures: 0,
    inFlight: 0,
    'l1.size': 1,
    'l1.maxSize': 10,
    'l1.bytes': 0,
    'l1.hits': 1,
    'l1.misses': 100,
    'l1.staleHits': 0,
    'l1.evictions': 0,
    'l1.refused': 0,
  })
})

test('set, get and invalidate share the keys of getOrCompute', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  await cache.set('a', 1)
  await cache.set('b', 2)
  expect(await cache.getOrCompute('a', () => 9)).toBe(1)
  await cache.invalidate({ keys: ['a', 'none'] })
  expect([await cache.get('a'), await cache.get<number>('b')]).toEqual([undefined, 2])
})

test('a result that comes after its key was invalidated is not kept', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  const { promise, resolve } = Promise.withResolvers<number>()
  const early = cache.getOrCompute('a', () => promise)
  await cache.invalidate({ keys: ['a'] })
  resolve(1)
  expect([await early, await cache.get('a')]).toEqual([1, undefined])
})

test('warm keeps entries from any iterable', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  await cache.warm(new Map([['a', 1]]))
  await cache.warm(laterEntries(), { ttlMs: 1000 })
  expect([await cache.get('a'), await cache.get('b')]).toEqual([1, 2])
})

test('caches with namespaces share a memory and no keys', async () => {
  const l1 = new AsyncLRUCache({ maxSize: 10 })
  const users = new TieredCache({ l1, namespace: 'users' })
  const orders = new TieredCache({ l1, namespace: 'orders' })
  expect(await users.getOrCompute('1', keyOf)).toBe('1')
  await orders.set('1', 'order')
  expect([await users.get('1'), await orders.get('1'), [...l1]]).toEqual([
    '1',
    'order',
    [
      ['users:1', '1'],
      ['orders:1', 'order'],
    ],
  ])
  await users.close()
  expect(l1.size).toBe(2)
})

test('a namespaced computation has the context of any other', async () => {
  let now = 0
  const l1 = new AsyncLRUCache({ maxSize: 10, clock: () => now })
  const cache = new TieredCache({ l1, namespace: 'n' })
  const compute = (context: ComputeContext): boolean => {
    context.setTtlMs(10)
    if (now > 0) context.skip()
    return context.signal.aborted
  }
  expect(await cache.getOrCompute('a', compute)).toBe(false)
  expect(l1.ttlLeftMs('n:a')).toBe(10)
  now = 10
  await cache.getOrCompute('a', compute)
  expect(await cache.get('a')).toBeUndefined()
})

test('a stale value is served while it is renewed, and when it cannot be', async () => {
  let now = 0
  const l1 = new AsyncLRUCache({ maxSize: 10, clock: () => now })
  const cache = new TieredCache({ l1 })
  const options = { ttlMs: 10, swrMs: 10, staleIfErrorMs: 100 }
  await cache.getOrCompute('a', () => 1, options)
  now = 15
  expect(await cache.getOrCompute('a', () => 2, options)).toBe(1)
  await setImmediate()
  expect(await cache.get('a')).toBe(2)
  now = 60
  expect(await cache.getOrCompute('a', () => Promise.reject(new Error('down')), options)).toBe(2)
})

test('a caller waits no longer than its hard timeout', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  const caller = cache.getOrCompute('a', () => new Promise(() => {}), { hardTimeoutMs: 5 })
  await expect(caller).rejects.toMatchObject({ code: 'CACHE_TIMEOUT' })
})

test('a byte limit of the first tier needs no sizeOf', async () => {
  const cache = new TieredCache({ l1: { maxSize: 1000, maxBytes: 100_000 } })
  for (let i = 0; i < 100; i++) await cache.set(`${i}`, 'x'.repeat(10_000))
  expect(cache.stats()['l1.size']).toBe(9)
})

test('a closed cache refuses, and closing twice is one close', async () => {
  const cache = new TieredCache({ name: 'c', l1: { maxSize: 10 } })
  await cache.set('a', 1)
  const report = await cache.close()
  expect(report).toEqual({ closed: true, ms: expect.any(Number), holders: [] })
  expect(await cache.close()).toBe(report)
  const refused = { code: 'CACHE_CLOSED', message: 'cache c is closed' }
  await expect(cache.getOrCompute('a', () => 1)).rejects.toMatchObject(refused)
  await expect(cache.get('a')).rejects.toMatchObject(refused)
  await expect(cache.set('a', 1)).rejects.toMatchObject(refused)
  await expect(cache.invalidate({ keys: ['a'] })).rejects.toMatchObject(refused)
  await expect(cache.warm([['a', 1]])).rejects.toMatchObject(refused)
  expect(cache.stats()['l1.size']).toBe(0)
})

test('close waits for running computations', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  const { promise, resolve } = Promise.withResolvers<number>()
  const caller = cache.getOrCompute('a', () => promise)
  const closing = cache.close()
  resolve(1)
  expect(await caller).toBe(1)
  expect(await closing).toMatchObject({ closed: true, holders: [] })
})

test('at its deadline close names the computations left, rejects their callers and aborts them', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 }, namespace: 'n' })
  let seen: AbortSignal | undefined
  const compute = ({ signal }: ComputeContext): Promise<number> => {
    seen = signal
    return new Promise(() => {})
  }
  const caller = cache.getOrCompute('hangs', compute)
  const [ended, report] = await Promise.allSettled([caller, cache.close({ deadlineMs: 5 })])
  expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'CACHE_CLOSED' } })
  expect(report).toMatchObject({
    value: { closed: false, holders: [{ label: 'hangs', heldMs: expect.any(Number) }] },
  })
  expect(seen?.aborted).toBe(true)
})

test("a report of a close can't be changed", async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  const caller = cache.getOrCompute('hangs', () => new Promise(() => {})).catch(() => {})
  const report = await cache.close({ deadlineMs: 1 })
  await caller
  expect([report, report.holders, report.holders[0]].every(Object.isFrozen)).toBe(true)
})

test('a deadline that is none is refused', async () => {
  await using cache = new TieredCache({ l1: { maxSize: 10 } })
  expect(() => cache.close({ deadlineMs: 0 })).toThrow(
    new RangeError('deadlineMs must be milliseconds from 1 to 2147483647, got 0'),
  )
})

test('await using closes', async () => {
  const cache = new TieredCache({ l1: { maxSize: 10 } })
  await cache[Symbol.asyncDispose]()
  await expect(cache.get('a')).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
})

function keyOf({ key }: ComputeContext): string {
  return key
}

async function* laterEntries(): AsyncGenerator<readonly [string, number]> {
  yield ['b', 2]
}
