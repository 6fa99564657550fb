import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test, vi } from 'vitest'
import { ObjectPool, PoolError } from '../src/index.ts'

const pool = (): ObjectPool<object> => new ObjectPool({ name: 'p', create: () => ({}), maxSize: 1 })

test('callers are served by priority, then in order of arrival', async () => {
  const one = pool()
  const object = await one.acquire()
  const served: string[] = []
  const wait = async (label: string, priority?: number): Promise<void> => {
    const mine = await one.acquire({ priority })
    served.push(label)
    one.release(mine)
  }
  const all = [wait('a'), wait('b'), wait('urgent', 1), wait('last', -1), wait('c')]
  one.release(object)
  await Promise.all(all)
  expect(served).toEqual(['urgent', 'a', 'b', 'c', 'last'])
})

test('an abort ends the wait with the reason of the signal and leaves no trace', async () => {
  const one = pool()
  const object = await one.acquire()
  const abort = new AbortController()
  const waiting = one.acquire({ signal: abort.signal })
  abort.abort(new Error('client gone'))
  await expect(waiting).rejects.toThrow('client gone')
  expect(one.stats().waiting).toBe(0)
  one.release(object)
  expect(one.tryAcquire()).toBe(object)
  await expect(one.acquire({ signal: abort.signal })).rejects.toThrow('client gone')
})

test('a wait ends at its time limit with an error that reads like a report', async () => {
  vi.useFakeTimers()
  try {
    const one = pool()
    await one.acquire()
    const waits = [one.acquire({ timeoutMs: 100 }), one.acquire({ timeoutMs: 50 }), one.acquire()]
    const outcomes = Promise.allSettled(waits)
    await vi.advanceTimersByTimeAsync(60)
    expect(one.stats()).toMatchObject({ waiting: 2, timeouts: 1 })
    await vi.advanceTimersByTimeAsync(30_000)
    const [first] = (await outcomes) as PromiseRejectedResult[]
    expect(first!.reason).toBeInstanceOf(PoolError)
    expect(first!.reason).toMatchObject({ code: 'POOL_TIMEOUT' })
    expect(first!.reason.message).toMatch(
      /^p: no object within \d+ ms: 1 of 1 in use, the oldest for \d+ ms, 1 more wait$/,
    )
    expect(one.stats()).toMatchObject({ waiting: 0, timeouts: 3 })
  } finally {
    vi.useRealTimers()
  }
})

test('a full queue refuses the next caller', async () => {
  const one = new ObjectPool({ create: () => ({}), maxSize: 1, maxWaiting: 1 })
  const object = await one.acquire()
  const waiting = one.acquire()
  await expect(one.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL' })
  one.release(object)
  expect(await waiting).toBe(object)
})

test('whoever hears of a timeout may change the pool without losing the others', async () => {
  vi.useFakeTimers()
  const one = pool()
  const listener = (): void => one.resize({ maxSize: 2 })
  subscribe('code:pool:timeout', listener)
  try {
    await one.acquire()
    const waits = [50, 50, 50, 60_000].map((timeoutMs) => one.acquire({ timeoutMs }))
    const outcomes = Promise.allSettled(waits)
    await vi.advanceTimersByTimeAsync(50)
    expect(await waits[3]).toEqual({})
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
    ])
  } finally {
    unsubscribe('code:pool:timeout', listener)
    vi.useRealTimers()
  }
})

test('what is no signal, no time and no priority is refused and leaves no trace', async () => {
  const one = pool()
  const object = await one.acquire()
  await expect(one.acquire({ signal: {} as AbortSignal })).rejects.toThrow(TypeError)
  expect(() => one.acquire({ timeoutMs: -1 })).toThrow('timeoutMs must be milliseconds from 1 to 2147483647')
  expect(() => one.acquire({ priority: Number.NaN })).toThrow('priority must be a finite number, got NaN')
  expect(one.stats().waiting).toBe(0)
  one.release(object)
  expect(one.tryAcquire()).toBe(object)
})

test('use does not begin its work when its signal is aborted', async () => {
  const one = pool()
  one.release(await one.acquire())
  const work = vi.fn<() => void>()
  await expect(one.use(work, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
  expect(work).not.toHaveBeenCalled()
})

test('a million random steps lose nobody and lend no object twice', { timeout: 60_000 }, async () => {
  const seed = Date.now() % 2 ** 31
  console.info(`seed ${seed}`)
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  const maxSize = 5
  const many = new ObjectPool({
    maxSize,
    maxWaiting: 50,
    createBackoffMs: 1,
    create: () =>
      random(50) === 0 ? Promise.reject(new Error('unlucky')) : random(2) ? {} : Promise.resolve({}),
    validate: () => random(40) !== 0,
    reset: () => {
      if (random(100) === 0) throw new Error('dirty')
    },
  })
  const lent = new Set<object>()
  let settled = 0
  let asked = 0
  const take = (object: object): void => {
    if (lent.has(object)) throw new Error('lent twice')
    lent.add(object)
  }
  for (let step = 0; step < 1_000_000; step++) {
    const [any] = lent
    switch (random(6)) {
      case 0:
      case 1: {
        const object = many.tryAcquire()
        if (object !== undefined) take(object)
        break
      }
      case 2: {
        if (asked - settled >= 50) break
        asked++
        const abort = new AbortController()
        many
          .acquire({ signal: abort.signal, priority: random(3) })
          .then(take, () => undefined)
          .finally(() => settled++)
        if (random(10) === 0) abort.abort()
        break
      }
      default:
        if (any === undefined) break
        lent.delete(any)
        if (random(30) === 0) many.destroy(any)
        else many.release(any)
    }
    const { size, inUse, idle, creating } = many.stats()
    if (inUse + idle + creating > maxSize || size + creating > maxSize)
      throw new Error(`too many at step ${step}`)
    if (step % 50 === 0) await Promise.resolve()
    if (step % 5000 === 0) await new Promise(setImmediate)
  }
  for (const object of lent) many.release(object)
  lent.clear()
  const drain = many.close({ deadlineMs: 10_000, waiters: 'reject' })
  await expect.poll(() => settled).toBe(asked)
  for (const object of lent) many.release(object)
  expect(await drain).toMatchObject({ closed: true, holders: [] })
})
