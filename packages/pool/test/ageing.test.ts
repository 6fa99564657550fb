import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ObjectPool, type DestroyReason, type ObjectPoolOptions } from '../src/index.ts'

// The clock behind the pool starts once in a process: it must start on the timers that the tests advance.
beforeAll(() => void vi.useFakeTimers())
afterAll(() => void vi.useRealTimers())

const observed = (
  options: Omit<ObjectPoolOptions<object>, 'create'>,
): { pool: ObjectPool<object>; ended: DestroyReason[] } => {
  const ended: DestroyReason[] = []
  const destroy = (_: object, reason: DestroyReason): void => void ended.push(reason)
  return { pool: new ObjectPool({ create: () => ({}), destroy, ...options }), ended }
}

test('an idle object is destroyed after its time, but never below the minimum', async () => {
  const { pool, ended } = observed({ minSize: 1, maxSize: 3, idleTimeoutMs: 1000 })
  await pool.warm(3)
  await vi.advanceTimersByTimeAsync(900)
  expect(pool.stats().idle).toBe(3)
  await vi.advanceTimersByTimeAsync(600)
  expect(pool.stats().idle).toBe(1)
  expect(ended).toEqual(['idle', 'idle'])
})

test('what is lent again and again does not grow idle', async () => {
  const { pool, ended } = observed({ maxSize: 2, idleTimeoutMs: 1000 })
  await pool.warm(2)
  for (let ms = 0; ms < 5000; ms += 100) {
    await vi.advanceTimersByTimeAsync(100)
    pool.release(pool.tryAcquire()!)
  }
  expect(pool.stats().idle).toBe(1)
  expect(ended).toEqual(['idle'])
})

test('lives end between nine and ten tenths of the maximum, not all at once', async () => {
  const { pool, ended } = observed({ maxSize: 100, maxLifetimeMs: 100_000 })
  await pool.warm(100)
  await vi.advanceTimersByTimeAsync(89_000)
  expect(ended).toEqual([])
  await vi.advanceTimersByTimeAsync(6000)
  expect(ended.length).toBeGreaterThan(20)
  expect(ended.length).toBeLessThan(80)
  await vi.advanceTimersByTimeAsync(6000)
  expect(ended).toHaveLength(100)
  expect(new Set(ended)).toEqual(new Set(['expired']))
})

test('a life that ends on loan ends at the return', async () => {
  const { pool, ended } = observed({ maxSize: 1, maxLifetimeMs: 1000 })
  const object = await pool.acquire()
  await vi.advanceTimersByTimeAsync(2000)
  expect(ended).toEqual([])
  const next = pool.acquire()
  pool.release(object)
  expect(ended).toEqual(['expired'])
  expect(await next).not.toBe(object)
})

test('with preCreate, lives that ended are replaced in the background', async () => {
  const { pool, ended } = observed({ minSize: 2, maxSize: 2, preCreate: true, maxLifetimeMs: 1000 })
  await vi.advanceTimersByTimeAsync(1500)
  expect(ended).toEqual(['expired', 'expired'])
  expect(pool.stats()).toMatchObject({ idle: 2, created: 4 })
  await pool.close()
})

test('an object is lent as often as allowed and not once more', async () => {
  const { pool, ended } = observed({ maxSize: 1, maxUses: 3 })
  const object = await pool.acquire()
  pool.release(object)
  for (let use = 2; use <= 3; use++) {
    expect(pool.tryAcquire()).toBe(object)
    pool.release(object)
  }
  expect(ended).toEqual(['worn-out'])
  expect(pool.tryAcquire()).toBeUndefined()
  expect(await pool.acquire()).not.toBe(object)
})

test('only what has been idle for a while is validated', async () => {
  const asked: object[] = []
  const validate = (object: object): Promise<boolean> => {
    asked.push(object)
    return Promise.resolve(true)
  }
  const { pool } = observed({ maxSize: 2, validate, validateAfterIdleMs: 1000 })
  const [stale, fresh] = [await pool.acquire(), await pool.acquire()]
  pool.release(stale)
  await vi.advanceTimersByTimeAsync(1100)
  pool.release(fresh)
  expect(pool.tryAcquire()).toBe(fresh)
  expect(asked).toEqual([])
  expect(await pool.acquire()).toBe(stale)
  expect(asked).toEqual([stale])
})

test('tryAcquire passes over what needs an asynchronous validation', async () => {
  const { pool } = observed({
    maxSize: 2,
    order: 'fifo',
    validate: () => Promise.resolve(true),
    validateAfterIdleMs: 1000,
  })
  const [stale, fresh] = [await pool.acquire(), await pool.acquire()]
  pool.release(stale)
  await vi.advanceTimersByTimeAsync(1100)
  pool.release(await pool.acquire())
  await vi.advanceTimersByTimeAsync(1100)
  pool.release(fresh)
  expect(pool.tryAcquire()).toBe(fresh)
  expect(pool.tryAcquire()).toBeUndefined()
})

test('a pool without objects has no timer, nor has a closed one', async () => {
  const timers = vi.getTimerCount()
  const { pool } = observed({ maxSize: 1, idleTimeoutMs: 1000, maxLifetimeMs: 10_000, leakAfterMs: 5000 })
  expect(vi.getTimerCount()).toBe(timers)
  pool.destroy(await pool.acquire())
  pool.release(await pool.acquire())
  await pool.close()
  await vi.advanceTimersByTimeAsync(100)
  expect(vi.getTimerCount()).toBeLessThanOrEqual(timers)
})
