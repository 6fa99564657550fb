import { expect, test, vi } from 'vitest'
import { ObjectPool } from '../src/index.ts'

const throwing = (): never => {
  throw Object.create(null)
}
const never = (): Promise<never> => new Promise(() => {})

test('a validation that never settles costs the object, not the slot', async () => {
  vi.useFakeTimers()
  try {
    const ended: string[] = []
    const pool = new ObjectPool({
      create: () => ({}),
      validate: never,
      destroy: (_, reason) => void ended.push(reason),
      maxSize: 1,
      hookTimeoutMs: 100,
    })
    const first = await pool.acquire()
    pool.release(first)
    const next = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await next).not.toBe(first)
    expect(ended).toEqual(['invalid'])
  } finally {
    vi.useRealTimers()
  }
})

test('a reset that never settles costs the object, not the slot', async () => {
  vi.useFakeTimers()
  try {
    const pool = new ObjectPool({ create: () => ({}), reset: never, maxSize: 1, hookTimeoutMs: 100 })
    const first = await pool.acquire()
    pool.release(first)
    const next = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await next).not.toBe(first)
  } finally {
    vi.useRealTimers()
  }
})

test('a slot is free only when an asynchronous destroy is done, or its time is over', async () => {
  vi.useFakeTimers()
  try {
    const gone = Promise.withResolvers<void>()
    let ends = 0
    const pool = new ObjectPool({
      create: () => ({}),
      destroy: () => (ends++ === 0 ? gone.promise : never()),
      maxSize: 1,
      hookTimeoutMs: 100,
    })
    pool.destroy(await pool.acquire())
    const second = pool.acquire()
    await vi.advanceTimersByTimeAsync(0)
    expect(pool.stats()).toMatchObject({ size: 0, creating: 0, waiting: 1 })
    gone.resolve()
    pool.destroy(await second)
    const third = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await third).toEqual({})
    expect(pool.stats().destroyFailures).toBe(1)
  } finally {
    vi.useRealTimers()
  }
})

test('what a hook returns besides promises is its own affair', async () => {
  const pool = new ObjectPool({
    create: () => ({ uses: 0 }),
    reset: (object) => object.uses++,
    destroy: (object) => object.uses,
    maxSize: 1,
  })
  const object = await pool.acquire()
  pool.release(object)
  expect(pool.tryAcquire()?.uses).toBe(1)
  pool.destroy(object)
  expect(await pool.close()).toMatchObject({ closed: true })
  expect(pool.stats().destroyFailures).toBe(0)
})

test('an object that a factory gives back while it makes another is lent at once', async () => {
  const other = Promise.withResolvers<object>()
  const lent: object[] = []
  const pool: ObjectPool<object> = new ObjectPool({
    create: () => {
      if (lent.length === 0) return {}
      pool.release(lent[0]!)
      return other.promise
    },
    validate: () => true,
    maxSize: 2,
  })
  lent.push(await pool.acquire())
  expect(await pool.acquire()).toBe(lent[0])
  other.resolve({})
})

test('a truthy answer of validate is a yes', async () => {
  const pool = new ObjectPool({ create: () => ({}), validate: () => 1 as never, maxSize: 1 })
  const object = await pool.acquire()
  pool.release(object)
  expect(pool.tryAcquire()).toBe(object)
})

test('a factory that throws what cannot be printed has failed like any other', async () => {
  await expect(new ObjectPool({ create: throwing, maxSize: 1 }).acquire()).rejects.toMatchObject({
    code: 'POOL_CREATE_FAILED',
  })
})
