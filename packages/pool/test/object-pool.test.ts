import { expect, test } from 'vitest'
import { ObjectPool } from '../src/index.ts'

const things = (): (() => { id: number }) => {
  let made = 0
  return () => ({ id: ++made })
}

test('an empty pool lends nothing synchronously and creates for a caller who waits', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 2 })
  expect(pool.tryAcquire()).toBeUndefined()
  expect(await pool.acquire()).toEqual({ id: 1 })
})

test('a returned object is lent again', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 2 })
  const first = await pool.acquire()
  pool.release(first)
  expect(pool.tryAcquire()).toBe(first)
})

test('the last object returned is lent first, or the first on demand', async () => {
  for (const order of ['lifo', 'fifo'] as const) {
    const pool = new ObjectPool({ create: things(), maxSize: 2, order })
    const [a, b] = [await pool.acquire(), await pool.acquire()]
    pool.release(a)
    pool.release(b)
    expect(pool.tryAcquire()).toBe(order === 'lifo' ? b : a)
  }
})

test('nobody overtakes those who wait', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 1 })
  const only = await pool.acquire()
  const waiting = pool.acquire()
  pool.release(only)
  expect(pool.tryAcquire()).toBeUndefined()
  expect(await waiting).toBe(only)
})

test('returning twice, or what was never lent, throws at once', async () => {
  const pool = new ObjectPool({ name: 'experts', create: things(), maxSize: 1 })
  const object = await pool.acquire()
  pool.release(object)
  expect(() => pool.release(object)).toThrow('the object was returned to experts already')
  expect(() => pool.release({ id: 9 })).toThrow('the object is not of experts, or no longer')
  expect(() => pool.destroy(object)).toThrow(TypeError)
  pool.destroy(pool.tryAcquire()!)
  expect(() => pool.release(object)).toThrow('the object is not of experts, or no longer')
})

test('a destroyed object makes room for a new one, and its end is told with the cause', async () => {
  const ended: unknown[] = []
  const pool = new ObjectPool({
    create: things(),
    destroy: (object, ...why) => void ended.push([object.id, ...why]),
    maxSize: 1,
  })
  const broken = await pool.acquire()
  const next = pool.acquire()
  pool.destroy(broken, 'wrong checksum')
  expect(await next).toEqual({ id: 2 })
  expect(ended).toEqual([[1, 'broken', 'wrong checksum']])
  expect(() => pool.release(broken)).toThrow('the object is not of')
})

test('reset runs before the next loan, and its failure destroys the object', async () => {
  let fail = false
  const pool = new ObjectPool({
    create: () => ({ rows: [] as number[] }),
    reset: (object) => {
      if (fail) throw new Error('stuck')
      object.rows.length = 0
    },
    maxSize: 1,
  })
  const object = await pool.acquire()
  object.rows.push(1)
  pool.release(object)
  expect(pool.tryAcquire()).toBe(object)
  expect(object.rows).toEqual([])
  fail = true
  pool.release(object)
  expect(pool.stats()).toMatchObject({ size: 0, destroyed: 1 })
})

test('an asynchronous reset holds the object back until it settles', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const pool = new ObjectPool({ create: things(), reset: () => promise, maxSize: 1 })
  const object = await pool.acquire()
  pool.release(object)
  expect(pool.tryAcquire()).toBeUndefined()
  const next = pool.acquire()
  resolve()
  expect(await next).toBe(object)
})

test('an object that fails validation is replaced', async () => {
  const pool = new ObjectPool({ create: things(), validate: (object) => object.id > 1, maxSize: 1 })
  pool.release(await pool.acquire())
  expect(await pool.acquire()).toEqual({ id: 2 })
})

test('an asynchronous validation is awaited, and skipped by tryAcquire', async () => {
  const asked: number[] = []
  const pool = new ObjectPool({
    create: things(),
    validate: async (object) => {
      asked.push(object.id)
      return object.id > 1
    },
    maxSize: 2,
  })
  const [a, b] = [await pool.acquire(), await pool.acquire()]
  pool.release(a)
  pool.release(b)
  expect(pool.tryAcquire()).toBeUndefined()
  expect(await pool.acquire()).toBe(b)
  expect(pool.tryAcquire()).toBeUndefined()
  expect(await pool.acquire()).toEqual({ id: 3 })
  expect(asked).toContain(1)
})

test('a lease returns its object once, and its value is gone after that', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 1 })
  const lease = await pool.lease()
  const { value } = lease
  lease[Symbol.dispose]()
  lease[Symbol.dispose]()
  expect(() => lease.value).toThrow('this lease has ended')
  const again = pool.tryLease()!
  expect(again.value).toBe(value)
  lease[Symbol.dispose]()
  expect(again.value).toBe(value)
})

test('a lease that has ended cannot be released, even when its object is lent again', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 1 })
  const lease = await pool.lease()
  lease.release()
  expect(() => lease.release()).toThrow('this lease has ended')
  const again = pool.tryLease()!
  expect(() => lease.release()).toThrow(TypeError)
  expect(again.value).toEqual({ id: 1 })
})

test('use returns the object when the work fails, also when the work destroyed it', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 1 })
  await expect(pool.use(() => Promise.reject(new Error('work')))).rejects.toThrow('work')
  expect(pool.stats()).toMatchObject({ idle: 1, inUse: 0 })
  const work = (object: { id: number }): never => {
    pool.destroy(object)
    throw new Error('broken')
  }
  await expect(pool.use(work)).rejects.toThrow('broken')
  expect(pool.stats()).toMatchObject({ size: 0, inUse: 0 })
})

test('warm creates up to the minimum, and says why it could not', async () => {
  const pool = new ObjectPool({ create: things(), minSize: 3, maxSize: 5 })
  await pool.warm()
  expect(pool.stats()).toMatchObject({ idle: 3, created: 3 })
  await expect(pool.warm(6)).rejects.toThrow('count must be at most 5, got 6')
  const broken = new ObjectPool({ create: () => Promise.reject(new Error('no route')), maxSize: 1 })
  await expect(broken.warm(1)).rejects.toMatchObject({
    code: 'POOL_CREATE_FAILED',
    cause: new Error('no route'),
  })
})

test('a pool as large as it likes is filled without running out of stack', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 20_000 })
  await pool.warm(20_000)
  expect(pool.stats().idle).toBe(20_000)
})

test('nobody overtakes who waits, not even from within a callback of the pool', async () => {
  const taken: unknown[] = []
  const pool: ObjectPool<{ id: number }> = new ObjectPool({
    create: things(),
    validate: () => {
      taken.push(pool.tryAcquire())
      return true
    },
    maxSize: 2,
  })
  const [a, b] = [await pool.acquire(), await pool.acquire()]
  const waiting = pool.acquire()
  pool.release(a)
  pool.release(b)
  expect(await waiting).toBe(a)
  expect(taken).toEqual([undefined])
})

test('resize drops idle objects at once and lent ones when they come back', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 3 })
  const [a, b] = [await pool.acquire(), await pool.acquire()]
  pool.release(await pool.acquire())
  pool.resize({ maxSize: 1 })
  expect(pool.stats()).toMatchObject({ size: 2, idle: 0, maxSize: 1 })
  pool.release(a)
  pool.release(b)
  expect(pool.stats()).toMatchObject({ size: 1, idle: 1 })
  expect(() => pool.resize({ minSize: 2 })).toThrow('minSize must be at most maxSize (1), got 2')
})

test('clear destroys what is idle and leaves loans alone', async () => {
  const pool = new ObjectPool({ create: things(), maxSize: 2 })
  const lent = await pool.acquire()
  pool.release(await pool.acquire())
  pool.clear()
  expect(pool.stats()).toMatchObject({ size: 1, idle: 0, inUse: 1 })
  pool.release(lent)
  expect(pool.tryAcquire()).toBe(lent)
})

test('a snapshot of the figures is frozen', () => {
  expect(Object.isFrozen(new ObjectPool({ create: things(), maxSize: 2 }).stats())).toBe(true)
})

test('a pool is listed among the instruments until it closes', async () => {
  const instruments = (globalThis as never)[Symbol.for('code.instruments')] as Map<
    string,
    { stats(): object }
  >
  const pool = new ObjectPool({ name: 'listed', create: things(), maxSize: 2 })
  const twin = new ObjectPool({ name: 'listed', create: things(), maxSize: 3 })
  expect(instruments.get('pool:listed')?.stats()).toMatchObject({ maxSize: 2 })
  expect(instruments.get('pool:listed#2')?.stats()).toMatchObject({ maxSize: 3 })
  await pool.close()
  await twin.close()
  expect([...instruments.keys()].filter((key) => key.startsWith('pool:listed'))).toEqual([])
})
