import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ObjectPool, type Holder } from '../src/index.ts'

// The clock behind the pool starts once in a process: it must start on the timers that the tests advance.
beforeAll(() => void vi.useFakeTimers())
afterAll(() => void vi.useRealTimers())

const heldMs = expect.any(Number)
const site = expect.stringMatching(/leaks\.test\.ts:\d+:\d+/)

test('the first loan of an object and one in 1,024 after it are known by the line that took them', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  await pool.warm(1)
  const known: number[] = []
  for (let loan = 1; loan <= 3000; loan++) {
    const object = pool.tryAcquire()!
    if (pool.holders()[0]!.site !== undefined) known.push(loan)
    pool.release(object)
  }
  expect(known).toEqual([1, 1025, 2049])
})

test('a sampled loan is known whatever way it was taken', async () => {
  const ways: ((pool: ObjectPool<object>) => unknown)[] = [
    (pool) => pool.tryAcquire(),
    (pool) => pool.tryLease(),
    (pool) => pool.acquire(),
    (pool) => pool.lease(),
    (pool) => pool.use(() => new Promise(() => {})),
    (pool) => pool.use(() => new Promise(() => {}), { priority: 1 }),
  ]
  for (const isWarm of [true, false]) {
    for (const take of isWarm ? ways : ways.slice(2)) {
      const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
      if (isWarm) await pool.warm(1)
      void take(pool)
      await Promise.resolve()
      expect(pool.holders(), `${String(take)} ${isWarm}`).toEqual([{ heldMs, site }])
    }
  }
})

test('with leakAfterMs every loan is known, whatever way it was taken', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 6, leakAfterMs: 60_000 })
  const waiting = async function takeAndWait(): Promise<object> {
    return pool.acquire()
  }
  await pool.warm(4)
  pool.tryAcquire()
  pool.tryLease()
  await pool.lease({ label: 'import' })
  void pool.use(() => new Promise(() => {}))
  await waiting()
  await pool.acquire({ label: 'GET /ask' })
  const holders = pool.holders()
  expect(holders.map(({ label }) => label).filter(Boolean)).toEqual(['import', 'GET /ask'])
  expect(holders).toHaveLength(6)
  for (const holder of holders) expect(holder).toMatchObject({ heldMs, site })
  expect(holders[4]!.site).toContain('takeAndWait')
})

test('a loan that lasts too long is reported once, on the channel and to the handler', async () => {
  const messages: unknown[] = []
  const leaks: Holder[] = []
  const listener = (message: unknown): void => void messages.push(message)
  subscribe('code:pool:leak', listener)
  try {
    const pool = new ObjectPool({
      name: 'experts',
      create: () => ({}),
      maxSize: 2,
      leakAfterMs: 1000,
      onLeak: (leak) => leaks.push(leak),
    })
    const leaked = await pool.acquire({ label: 'forgetful' })
    pool.release(await pool.acquire())
    await vi.advanceTimersByTimeAsync(900)
    expect(leaks).toEqual([])
    await vi.advanceTimersByTimeAsync(5000)
    expect(leaks).toEqual([{ heldMs, site, label: 'forgetful' }])
    expect(messages).toEqual([{ pool: 'experts', heldMs, site }])
    pool.release(leaked)
    expect(await pool.acquire()).toBe(leaked)
    await vi.advanceTimersByTimeAsync(5000)
    expect(pool.stats().leaks).toBe(2)
  } finally {
    unsubscribe('code:pool:leak', listener)
  }
})

test('a loan that is meant to last is no leak', async () => {
  const leaks: Holder[] = []
  const pool = new ObjectPool({
    create: () => ({}),
    maxSize: 2,
    leakAfterMs: 1000,
    onLeak: (leak) => leaks.push(leak),
  })
  await pool.acquire({ lasting: true, label: 'for good' })
  await pool.acquire({ label: 'forgetful' })
  await vi.advanceTimersByTimeAsync(5000)
  expect(leaks.map(({ label }) => label)).toEqual(['forgetful'])
})

test('a timeout says who holds the oldest object, for how long and from where', async () => {
  const pool = new ObjectPool({ name: 'experts', create: () => ({}), maxSize: 1, leakAfterMs: 60_000 })
  await pool.acquire({ label: 'GET /ask' })
  const outcome = pool.acquire({ timeoutMs: 100 }).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(200)
  expect(await outcome).toMatch(
    /^experts: no object within \d+ ms: 1 of 1 in use, the oldest by 'GET \/ask' for \d+ ms from \S+leaks\.test\.ts:\d+:\d+, 0 more wait$/,
  )
})

test('after somebody waited in vain, the next loans are known', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  const first = await pool.acquire()
  pool.release(first)
  pool.tryAcquire()
  expect(pool.holders()).toEqual([{ heldMs }])
  const outcome = pool.acquire({ timeoutMs: 100 }).catch((error: Error) => error.message)
  await vi.advanceTimersByTimeAsync(200)
  expect(await outcome).toContain('from an unknown line (leakAfterMs makes it known)')
  pool.release(first)
  pool.tryAcquire()
  expect(pool.holders()).toEqual([{ heldMs, site }])
})

test('a close names whoever leaked an object, with the line', async () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
  await pool.acquire()
  const closing = pool.close({ deadlineMs: 50 })
  await vi.advanceTimersByTimeAsync(50)
  expect(await closing).toMatchObject({ closed: false, holders: [{ heldMs, site }] })
})
