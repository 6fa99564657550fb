import { expect, test } from 'vitest'
import { ObjectPool } from '../src/index.ts'

test('close waits for every object to be back and destroyed', async () => {
  const ended: string[] = []
  const pool = new ObjectPool({
    create: () => ({}),
    destroy: async (_, reason) => void ended.push(reason),
    maxSize: 2,
  })
  const lent = await pool.acquire()
  pool.release(await pool.acquire())
  const closing = pool.close()
  expect(pool.tryAcquire()).toBeUndefined()
  await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  pool.release(lent)
  expect(await closing).toMatchObject({ closed: true, holders: [] })
  expect(ended).toEqual(['closed', 'closed'])
  expect(await pool.close()).toBe(await closing)
})

test('what comes back while the pool closes is destroyed, also when nothing was idle', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  const lent = await pool.acquire()
  const closing = pool.close()
  pool.release(lent)
  expect(pool.stats()).toMatchObject({ size: 0, idle: 0 })
  expect(await closing).toMatchObject({ closed: true })
})

test('close serves those who wait already', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  const lent = await pool.acquire()
  const waiting = pool.acquire()
  const closing = pool.close()
  pool.release(lent)
  expect(await waiting).toBe(lent)
  pool.release(lent)
  expect(await closing).toMatchObject({ closed: true })
})

test('close rejects those who wait on demand', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  const lent = await pool.acquire()
  const waiting = pool.acquire()
  const closing = pool.close({ waiters: 'reject' })
  await expect(waiting).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  pool.release(lent)
  expect(await closing).toMatchObject({ closed: true })
})

test('close ends at its deadline and reports who still holds an object', async () => {
  const ended: string[] = []
  const pool = new ObjectPool({
    create: () => ({}),
    destroy: (_, reason) => void ended.push(reason),
    maxSize: 1,
  })
  const leaked = await pool.acquire()
  const waiting = pool.acquire()
  const outcome = expect(waiting).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  expect(await pool.close({ deadlineMs: 20 })).toMatchObject({
    closed: false,
    holders: [{ heldMs: expect.any(Number) }],
  })
  await outcome
  pool.release(leaked)
  expect(ended).toEqual(['closed'])
})

test('close gives up a creation that nobody waits for, and destroys what it makes', async () => {
  const ended: string[] = []
  const made = Promise.withResolvers<object>()
  const pool = new ObjectPool({
    create: () => made.promise,
    destroy: (_, reason) => void ended.push(reason),
    maxSize: 1,
  })
  const warming = pool.warm(1).catch((error: unknown) => error)
  expect(await pool.close()).toMatchObject({ closed: true })
  expect(await warming).toMatchObject({ code: 'POOL_CLOSED' })
  made.resolve({})
  await expect.poll(() => ended).toEqual(['late'])
})

test('an aborted wait does not hold up a close', async () => {
  const made = Promise.withResolvers<object>()
  const pool = new ObjectPool({ create: () => made.promise, maxSize: 1 })
  const abort = new AbortController()
  const waiting = pool.acquire({ signal: abort.signal })
  const closing = pool.close()
  abort.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  made.resolve({})
  expect(await closing).toMatchObject({ closed: true })
})

test('an abort during a close gives up the creation that was for it', async () => {
  let given: AbortSignal | undefined
  const create = (signal: AbortSignal): Promise<object> => {
    given = signal
    return new Promise(() => {})
  }
  const pool = new ObjectPool({ create, maxSize: 1 })
  const abort = new AbortController()
  const waiting = pool.acquire({ signal: abort.signal })
  const closing = pool.close()
  abort.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  expect(await closing).toMatchObject({ closed: true })
  expect(given?.aborted).toBe(true)
})

test('a second close may reject those who wait', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  const lent = await pool.acquire()
  const outcome = expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
  const first = pool.close()
  void pool.close({ waiters: 'reject' })
  await outcome
  pool.release(lent)
  expect(await first).toMatchObject({ closed: true })
  expect(() => pool.close({ waiters: 'drop' as never })).toThrow(
    "waiters must be 'serve' or 'reject', got 'drop'",
  )
})

test('a second close brings the deadline forward', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  await pool.acquire()
  const first = pool.close({ deadlineMs: 60_000 })
  expect(await pool.close({ deadlineMs: 10 })).toMatchObject({ closed: false })
  expect(await first).toMatchObject({ closed: false })
})

test('nothing is lent by what a destroy does while the pool begins to close', async () => {
  const refusals: Promise<unknown>[] = []
  const pool: ObjectPool<object> = new ObjectPool({
    create: () => ({}),
    destroy: () => void refusals.push(pool.acquire().catch((error: unknown) => error)),
    maxSize: 1,
  })
  pool.release(await pool.acquire())
  expect(await pool.close()).toMatchObject({ closed: true })
  expect(await Promise.all(refusals)).toMatchObject([{ code: 'POOL_CLOSED' }])
})
