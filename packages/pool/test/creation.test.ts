import { expect, test, vi } from 'vitest'
import { ObjectPool } from '../src/index.ts'

test('a failed creation rejects those who wait when no live object could come back to them', async () => {
  const pool = new ObjectPool({ name: 'db', create: () => Promise.reject(new Error('refused')), maxSize: 2 })
  const error = await pool.acquire().catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'POOL_CREATE_FAILED', cause: new Error('refused') })
  expect((error as Error).message).toMatch(
    /^db: creating an object failed: refused \(next attempt in \d+ ms\)$/,
  )
})

test('a failed creation leaves those alone whom a lent object can still serve', async () => {
  let broken = false
  const pool = new ObjectPool({
    create: () => {
      if (broken) throw new Error('too many clients')
      return {}
    },
    maxSize: 2,
  })
  const object = await pool.acquire()
  broken = true
  const waiting = pool.acquire()
  expect(pool.stats()).toMatchObject({ waiting: 1, createFailures: 1 })
  pool.release(object)
  expect(await waiting).toBe(object)
})

test('a factory that always fails is asked seldom, and the event loop stays free', async () => {
  vi.useFakeTimers()
  try {
    let attempts = 0
    const pool = new ObjectPool({
      create: () => {
        attempts++
        throw new Error('down')
      },
      maxSize: 4,
      createBackoffMs: 50,
    })
    let rejections = 0
    const over = new AbortController()
    const caller = async (): Promise<void> => {
      while (!over.signal.aborted) await pool.acquire().catch(() => rejections++)
    }
    const callers = Array.from({ length: 10 }, caller)
    await vi.advanceTimersByTimeAsync(3000)
    over.abort()
    await vi.advanceTimersByTimeAsync(2000)
    await Promise.all(callers)
    expect(attempts).toBeGreaterThan(2)
    expect(attempts).toBeLessThan(20)
    expect(rejections).toBeGreaterThanOrEqual(attempts)
  } finally {
    vi.useRealTimers()
  }
})

test('creations that fail together count as one failure, and a success ends the row', async () => {
  vi.useFakeTimers()
  try {
    let isDown = true
    const create = async (): Promise<object> => {
      await Promise.resolve()
      if (isDown) throw new Error('blip')
      return {}
    }
    const pool = new ObjectPool({ name: 'db', create, maxSize: 8, createBackoffMs: 50 })
    const failed = await Promise.allSettled(Array.from({ length: 8 }, () => pool.acquire()))
    expect(failed.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 'rejected'))
    isDown = false
    const next = pool.acquire()
    await vi.advanceTimersByTimeAsync(60)
    pool.destroy(await next)
    isDown = true
    await vi.advanceTimersByTimeAsync(60)
    await expect(pool.acquire()).rejects.toThrow('db: creating an object failed: blip (next')
  } finally {
    vi.useRealTimers()
  }
})

test('a validate that always says no ends every attempt, also where what is missing is made at once', async () => {
  const pool = new ObjectPool({
    create: () => ({}),
    validate: () => false,
    minSize: 2,
    maxSize: 3,
    preCreate: true,
  })
  await Promise.resolve()
  expect(pool.tryAcquire()).toBeUndefined()
  expect(pool.stats()).toMatchObject({ idle: 2, destroyed: 2 })
  pool.clear()
  expect(pool.stats()).toMatchObject({ idle: 2, destroyed: 4 })
  await pool.close()
})

test('a slot that is still being destroyed is not promised to a caller', async () => {
  const gone = Promise.withResolvers<void>()
  const pool = new ObjectPool({ create: () => ({}), destroy: () => gone.promise, maxSize: 1, maxWaiting: 0 })
  pool.destroy(await pool.acquire())
  await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL' })
  gone.resolve()
  await expect
    .poll(() =>
      pool.acquire().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
})

test('a creation that never settles frees its slot, and what it makes too late is destroyed', async () => {
  vi.useFakeTimers()
  try {
    const ended: string[] = []
    const slow = Promise.withResolvers<object>()
    let signal: AbortSignal | undefined
    const pool = new ObjectPool<object>({
      create: (given) => ((signal ??= given) === given ? slow.promise : {}),
      destroy: (_, reason) => void ended.push(reason),
      maxSize: 1,
      createTimeoutMs: 100,
    })
    const waiting = pool.acquire()
    const outcome = expect(waiting).rejects.toThrow('create did not settle within 100 ms')
    await vi.advanceTimersByTimeAsync(100)
    await outcome
    expect(signal?.aborted).toBe(true)
    expect(pool.stats()).toMatchObject({ creating: 0 })
    slow.resolve({})
    await vi.advanceTimersByTimeAsync(0)
    expect(ended).toEqual(['late'])
    const next = pool.acquire()
    await vi.advanceTimersByTimeAsync(100)
    expect(await next).toEqual({})
  } finally {
    vi.useRealTimers()
  }
})

test('a factory that gives no object, or the same one twice, has failed', async () => {
  const nothing = new ObjectPool<object>({ create: () => undefined as never, maxSize: 1 })
  await expect(nothing.acquire()).rejects.toThrow('create must give an object, got undefined')
  const same = {}
  const twice = new ObjectPool({ create: () => same, maxSize: 2 })
  await twice.acquire()
  await expect(twice.warm(2)).rejects.toThrow('create gave an object that the pool has already')
})

test('preCreate makes the minimum in the background, and what is missing again', async () => {
  const pool = new ObjectPool({ create: () => ({}), minSize: 2, maxSize: 3, preCreate: true })
  expect(pool.stats().size).toBe(0)
  await Promise.resolve()
  expect(pool.stats()).toMatchObject({ idle: 2, created: 2 })
  pool.destroy(pool.tryAcquire()!)
  expect(pool.stats()).toMatchObject({ idle: 2, created: 3 })
  await pool.close()
  expect(pool.stats()).toMatchObject({ size: 0, created: 3 })
})

test('preCreate survives a factory that fails at first', async () => {
  vi.useFakeTimers()
  try {
    let failures = 3
    const create = (): object => {
      if (failures-- > 0) throw new Error('not yet')
      return {}
    }
    const pool = new ObjectPool({ create, minSize: 2, maxSize: 2, preCreate: true, createBackoffMs: 10 })
    await vi.advanceTimersByTimeAsync(1000)
    expect(pool.stats()).toMatchObject({ idle: 2, createFailures: 3 })
  } finally {
    vi.useRealTimers()
  }
})

test('no more creations are under way than allowed, and all who wait are served', async () => {
  let underWay = 0
  let most = 0
  const pool = new ObjectPool({
    create: async () => {
      most = Math.max(most, ++underWay)
      await new Promise(setImmediate)
      underWay--
      return {}
    },
    maxSize: 10,
    maxCreating: 3,
  })
  const objects = await Promise.all([pool.warm(4), ...Array.from({ length: 10 }, () => pool.acquire())])
  expect(new Set(objects).size).toBe(11)
  expect(most).toBe(3)
})

test('a warm-up is over when a pool made smaller meanwhile is full', async () => {
  const made: (() => void)[] = []
  const create = (): Promise<object> => new Promise((resolve) => made.push(() => resolve({})))
  const pool = new ObjectPool({ create, maxSize: 4, maxCreating: 1 })
  const warming = pool.warm(4)
  pool.resize({ maxSize: 2 })
  made[0]!()
  await expect.poll(() => made.length).toBe(2)
  made[1]!()
  await warming
  expect(pool.stats()).toMatchObject({ idle: 2, created: 2 })
})

test('a destroy that throws or rejects is counted and harms nothing', async () => {
  let asynchronous = false
  const pool = new ObjectPool({
    create: () => ({}),
    destroy: () => {
      if (!asynchronous) throw new Error('stuck')
      return Promise.reject(new Error('stuck'))
    },
    maxSize: 1,
  })
  pool.destroy(await pool.acquire())
  asynchronous = true
  pool.destroy(await pool.acquire())
  expect(await pool.close()).toMatchObject({ closed: true })
  expect(pool.stats().destroyFailures).toBe(2)
})
