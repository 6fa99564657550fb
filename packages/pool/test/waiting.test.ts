import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
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
    await vi.advanceTimersByTimeAsync(70)
    expect(one.stats()).toMatchObject({ waiting: 2, timeouts: 1 })
    await vi.advanceTimersByTimeAsync(30_000)
    const [first] = (await outcomes) as PromiseRejectedResult[]
    expect(first!.reason).toBeInstanceOf(PoolError)
    expect(first!.reason).toMatchObject({ code: 'POOL_TIMEOUT' })
    expect(first!.reason.message).toMatch(
      /^p: no object within \d+ ms: 1 of 1 in use, the oldest for \d+ ms from \S+waiting\.test\.ts:\d+:\d+, 1 more wait$/,
    )
    expect(one.stats()).toMatchObject({ waiting: 0, timeouts: 3 })
  } finally {
    vi.useRealTimers()
  }
})

test('a wait never ends before its time, nor does a signal that came too late for it hear of anything', async () => {
  vi.useFakeTimers()
  try {
    const one = pool()
    const object = await one.acquire()
    let ended = false
    const waiting = one.acquire({ timeoutMs: 100 }).catch(() => (ended = true))
    await vi.advanceTimersByTimeAsync(99)
    expect(ended).toBe(false)
    await vi.advanceTimersByTimeAsync(30)
    expect(await waiting).toBe(true)

    const abort = new AbortController()
    const served = one.acquire({ signal: abort.signal })
    one.release(object)
    expect(await served).toBe(object)
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('after one caller timed out the others are served', async () => {
  vi.useFakeTimers()
  try {
    const made: ((object: object) => void)[] = []
    const slow = new ObjectPool<object>({
      create: () => new Promise((resolve) => made.push(resolve)),
      maxSize: 1,
    })
    const first = slow.acquire({ timeoutMs: 50 })
    const outcome = expect(first).rejects.toMatchObject({ code: 'POOL_TIMEOUT' })
    const second = slow.acquire()
    await vi.advanceTimersByTimeAsync(100)
    await outcome
    made[0]!({})
    expect(await second).toEqual({})
  } finally {
    vi.useRealTimers()
  }
})

test('a thousand callers who wait in vain are told in little time', async () => {
  vi.useFakeTimers()
  try {
    const many = new ObjectPool({ create: () => ({}), maxSize: 100 })
    for (let i = 0; i < 100; i++) await many.acquire()
    const waits = Array.from({ length: 10_000 }, () => many.acquire({ timeoutMs: 50 }))
    const outcomes = Promise.allSettled(waits)
    const began = process.hrtime.bigint()
    await vi.advanceTimersByTimeAsync(100)
    const ms = Number(process.hrtime.bigint() - began) / 1e6
    expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true)
    expect(ms).toBeLessThan(1000)
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

test('whoever can still get an object of their own does not count as waiting in a full queue', async () => {
  const made: ((object: object) => void)[] = []
  const create = (): Promise<object> => new Promise((resolve) => made.push(resolve))
  const one = new ObjectPool({ create, maxSize: 2, maxCreating: 1, maxWaiting: 0 })
  const waits = [one.acquire(), one.acquire()]
  await expect(one.acquire()).rejects.toThrow('2 callers wait already')
  made[0]!({})
  await waits[0]
  made[1]!({})
  expect(await waits[1]).not.toBe(await waits[0])
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
    await vi.advanceTimersByTimeAsync(100)
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
  expect(() => one.acquire({ signal: {} as AbortSignal })).toThrow(
    'signal must be an AbortSignal, got [object Object]',
  )
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
