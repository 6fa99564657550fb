import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AsyncLRUCache, CacheError, type ComputeContext } from '../src/index.ts'

const numbers = (options?: { clock: () => number }): AsyncLRUCache<string, number> =>
  new AsyncLRUCache<string, number>({ maxSize: 100, ...options })

test('ten thousand callers share one computation', async () => {
  const cache = numbers()
  const { promise, resolve } = Promise.withResolvers<number>()
  let computes = 0
  const callers = Array.from({ length: 10_000 }, () =>
    cache.getOrCompute('a', () => {
      computes++
      return promise
    }),
  )
  resolve(7)
  expect(new Set(await Promise.all(callers))).toEqual(new Set([7]))
  expect([computes, cache.stats().computes, cache.get('a')]).toEqual([1, 1, 7])
})

test('a failure rejects ten thousand callers, is not kept, and the next call computes again', async () => {
  const cache = numbers()
  let computes = 0
  const compute = async (): Promise<number> => {
    await setImmediate()
    if (++computes === 1) throw new Error('first')
    return computes
  }
  const ended = await Promise.allSettled(
    Array.from({ length: 10_000 }, () => cache.getOrCompute('a', compute)),
  )
  expect(ended.every(({ status }) => status === 'rejected')).toBe(true)
  expect([computes, cache.stats().computeFailures, cache.size]).toEqual([1, 1, 0])
  expect(await cache.getOrCompute('a', compute)).toBe(2)
})

test('a computation may be synchronous, and may throw', async () => {
  const cache = numbers()
  expect(await cache.getOrCompute('a', () => 1)).toBe(1)
  const thrown = new Error('no')
  const throwing = (): number => {
    throw thrown
  }
  await expect(cache.getOrCompute('b', throwing)).rejects.toBe(thrown)
})

test('different keys compute side by side', async () => {
  const cache = numbers()
  const order: string[] = []
  const compute = async ({ key }: ComputeContext): Promise<number> => {
    order.push(`begin ${key}`)
    await setImmediate()
    order.push(`end ${key}`)
    return 1
  }
  await Promise.all([cache.getOrCompute('a', compute), cache.getOrCompute('b', compute)])
  expect(order).toEqual(['begin a', 'begin b', 'end a', 'end b'])
})

test('a caller that aborts rejects alone, with the reason of its signal', async () => {
  const cache = numbers()
  const { promise, resolve } = Promise.withResolvers<number>()
  let seen: AbortSignal | undefined
  const compute = ({ signal }: ComputeContext): Promise<number> => {
    seen = signal
    return promise
  }
  const leaving = new AbortController()
  const left = cache.getOrCompute('a', compute, { signal: leaving.signal })
  const stays = cache.getOrCompute('a', compute, { signal: new AbortController().signal })
  const reason = new Error('changed my mind')
  leaving.abort(reason)
  await expect(left).rejects.toBe(reason)
  expect(seen?.aborted).toBe(false)
  resolve(1)
  expect(await stays).toBe(1)
})

test('the computation is aborted when the last caller has gone, and a later caller begins anew', async () => {
  const cache = numbers()
  const { promise, resolve } = Promise.withResolvers<number>()
  let seen: AbortSignal | undefined
  const controller = new AbortController()
  const { signal } = controller
  const compute = (context: ComputeContext): Promise<number> => {
    seen = context.signal
    return promise
  }
  const callers = [1, 2, 3].map(() => cache.getOrCompute('a', compute, { signal }))
  controller.abort('gone')
  const ended = await Promise.allSettled(callers)
  expect(ended).toEqual(callers.map(() => ({ status: 'rejected', reason: 'gone' })))
  expect([seen?.aborted, seen?.reason]).toEqual([true, 'gone'])
  expect(await cache.getOrCompute('a', () => 2)).toBe(2)
  resolve(1)
  await setImmediate()
  expect(cache.get('a')).toBe(2)
})

test('a computation that looks at its signal late sees that it was aborted', async () => {
  const cache = numbers()
  const { promise, resolve } = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<unknown>()
  const compute = async (context: ComputeContext): Promise<number> => {
    await promise
    aborted.resolve(context.signal.reason)
    return 1
  }
  const controller = new AbortController()
  const caller = cache.getOrCompute('a', compute, { signal: controller.signal })
  controller.abort('gone')
  await expect(caller).rejects.toBe('gone')
  resolve()
  expect(await aborted.promise).toBe('gone')
})

test('a caller without a signal keeps the computation going', async () => {
  const cache = numbers()
  const { promise, resolve } = Promise.withResolvers<number>()
  const controller = new AbortController()
  const left = cache.getOrCompute('a', () => promise, { signal: controller.signal })
  const stays = cache.getOrCompute('a', () => 99)
  controller.abort('gone')
  await expect(left).rejects.toBe('gone')
  resolve(1)
  expect([await stays, cache.get('a')]).toEqual([1, 1])
})

test('an aborted signal rejects before anything is looked up', async () => {
  const cache = numbers()
  cache.set('a', 1)
  const signal = AbortSignal.abort('before')
  await expect(cache.getOrCompute('a', () => 2, { signal })).rejects.toBe('before')
  await expect(cache.getOrCompute('b', () => 2, { signal })).rejects.toBe('before')
  expect([cache.stats().hits, cache.stats().computes]).toEqual([0, 0])
})

test('a signal that its own computation aborts rejects its caller', async () => {
  const cache = numbers()
  const controller = new AbortController()
  const compute = (): Promise<number> => {
    controller.abort('myself')
    return new Promise(() => {})
  }
  await expect(cache.getOrCompute('a', compute, { signal: controller.signal })).rejects.toBe('myself')
})

test('a thousand callers with one signal warn of nothing and leave no listener', async () => {
  const warnings: unknown[] = []
  const onWarning = (warning: unknown): void => void warnings.push(warning)
  process.on('warning', onWarning)
  const cache = numbers()
  const { signal } = new AbortController()
  const { promise, resolve } = Promise.withResolvers<number>()
  const callers = Array.from({ length: 1000 }, () => cache.getOrCompute('a', () => promise, { signal }))
  resolve(1)
  await Promise.all(callers)
  await setImmediate()
  process.off('warning', onWarning)
  expect([warnings, getEventListeners(signal, 'abort')]).toEqual([[], []])
})

test('a caller waits no longer than its hard timeout', async () => {
  const cache = numbers()
  let seen: AbortSignal | undefined
  const compute = ({ signal }: ComputeContext): Promise<number> => {
    seen = signal
    return new Promise(() => {})
  }
  const error = await cache
    .getOrCompute('slow', compute, { hardTimeoutMs: 5 })
    .catch((error: unknown) => error)
  expect(error).toBeInstanceOf(CacheError)
  expect(error).toMatchObject({ code: 'CACHE_TIMEOUT', message: "no value for 'slow' within 5 ms" })
  expect(seen?.reason).toBe(error)
  expect(cache.stats().inFlight).toBe(0)
})

test('a hard timeout longer than a timer can be is no timeout', async () => {
  const cache = numbers()
  expect(await cache.getOrCompute('a', () => setImmediate(1), { hardTimeoutMs: Infinity })).toBe(1)
})

for (const change of ['set', 'delete', 'clear', 'refresh'] as const) {
  test(`a result that comes after ${change} reaches its callers and is not kept`, async () => {
    const cache = numbers()
    const { promise, resolve } = Promise.withResolvers<number>()
    const early = cache.getOrCompute('a', () => promise)
    if (change === 'set') cache.set('a', 2)
    if (change === 'delete') cache.delete('a')
    if (change === 'clear') cache.clear()
    if (change === 'refresh') await cache.refresh('a', () => 2)
    const late = change === 'delete' || change === 'clear' ? cache.getOrCompute('a', () => 2) : 2
    resolve(1)
    expect([await early, await late, cache.get('a')]).toEqual([1, 2, 2])
  })
}

test('a computation may set its own key, and that stands', async () => {
  const cache = numbers()
  const compute = (): number => {
    cache.set('a', 2)
    return 1
  }
  expect([await cache.getOrCompute('a', compute), cache.get('a')]).toEqual([1, 2])
})

test('a computation may decide how long its value is fresh', async () => {
  const cache = numbers({ clock: () => 0 })
  await cache.getOrCompute('a', freshFor(10), { ttlMs: 99 })
  expect(cache.ttlLeftMs('a')).toBe(10)
  await expect(cache.getOrCompute('b', freshFor(0))).rejects.toThrow('ttlMs must be a number above 0, got 0')
})

test('a computation may decline to be kept', async () => {
  const cache = numbers()
  expect([await cache.getOrCompute('a', notKept), cache.has('a')]).toEqual([1, false])
})

test('jitter shortens the ttl by up to its share', async () => {
  const cache = numbers({ clock: () => 0 })
  for (let i = 0; i < 100; i++) await cache.getOrCompute(`${i}`, () => i, { ttlMs: 1000, jitter: 0.2 })
  const left = Array.from({ length: 100 }, (_, i) => cache.ttlLeftMs(`${i}`)!)
  expect(Math.max(...left)).toBeLessThanOrEqual(1000)
  expect(Math.min(...left)).toBeGreaterThanOrEqual(800)
  expect(Math.max(...left) - Math.min(...left)).toBeGreaterThan(100)
})

test('a stale value is served while one computation renews it', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  let computes = 0
  const compute = async (): Promise<number> => {
    await setImmediate()
    return ++computes
  }
  const options = { ttlMs: 10, swrMs: 10 }
  await cache.getOrCompute('a', compute, options)
  now = 15
  const served = await Promise.all([1, 2, 3].map(() => cache.getOrCompute('a', compute, options)))
  expect(served).toEqual([1, 1, 1])
  await setImmediate()
  await setImmediate()
  expect([await cache.getOrCompute('a', compute, options), computes]).toEqual([2, 2])
  expect(cache.stats().staleHits).toBe(3)
})

test('a value too stale is computed while its callers wait', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  const options = { ttlMs: 10, swrMs: 10 }
  await cache.getOrCompute('a', () => 1, options)
  now = 20
  expect(await cache.getOrCompute('a', () => 2, options)).toBe(2)
})

test('a renewal that fails is counted, and the stale value stays', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  const options = { ttlMs: 10, swrMs: 10 }
  await cache.getOrCompute('a', () => 1, options)
  now = 15
  expect(await cache.getOrCompute('a', failing, options)).toBe(1)
  await setImmediate()
  expect(await cache.getOrCompute('a', failing, options)).toBe(1)
  await setImmediate()
  expect(cache.stats().computeFailures).toBe(2)
})

test('a renewal is not aborted with the caller that caused it', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  await cache.getOrCompute('a', () => 1, { ttlMs: 10, swrMs: 10 })
  now = 15
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<number>()
  await cache.getOrCompute('a', () => promise, { ttlMs: 10, swrMs: 10, signal: controller.signal })
  controller.abort()
  resolve(2)
  await setImmediate()
  expect(cache.get('a')).toBe(2)
})

test('a renewal that hangs is given up after the hard timeout', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  const options = { ttlMs: 10, swrMs: 10, hardTimeoutMs: 1 }
  await cache.getOrCompute('a', () => 1, options)
  now = 15
  const aborted = Promise.withResolvers<void>()
  const hanging = ({ signal }: ComputeContext): Promise<number> => {
    signal.addEventListener('abort', () => aborted.resolve())
    return new Promise(() => {})
  }
  expect(await cache.getOrCompute('a', hanging, options)).toBe(1)
  await aborted.promise
  expect(cache.stats().inFlight).toBe(0)
})

test('a stale value answers for a computation that fails or takes too long', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  const options = { ttlMs: 10, staleIfErrorMs: 10, hardTimeoutMs: 5 }
  await cache.getOrCompute('a', () => 1, options)
  now = 19
  expect(await cache.getOrCompute('a', () => Promise.reject(new Error('down')), options)).toBe(1)
  expect(await cache.getOrCompute('a', () => new Promise(() => {}), options)).toBe(1)
  now = 20
  await expect(cache.getOrCompute('a', () => Promise.reject(new Error('down')), options)).rejects.toThrow(
    'down',
  )
})

test('a caller that aborts gets its reason although a stale value is there', async () => {
  let now = 0
  const cache = numbers({ clock: () => now })
  await cache.getOrCompute('a', () => 1, { ttlMs: 10, staleIfErrorMs: 10 })
  now = 15
  const controller = new AbortController()
  const caller = cache.getOrCompute('a', () => new Promise(() => {}), {
    staleIfErrorMs: 10,
    signal: controller.signal,
  })
  controller.abort('gone')
  await expect(caller).rejects.toBe('gone')
})

test('refresh computes although there is a value, which is served until then', async () => {
  const cache = numbers()
  cache.set('a', 1)
  const { promise, resolve } = Promise.withResolvers<number>()
  const refreshed = cache.refresh('a', () => promise)
  expect(await cache.getOrCompute('a', () => 99)).toBe(1)
  resolve(2)
  expect([await refreshed, cache.get('a')]).toEqual([2, 2])
})

test('what onEvict throws rejects the caller whose value was being kept, and it is kept', async () => {
  const cache = new AsyncLRUCache<string, number>({
    maxSize: 1,
    onEvict: () => {
      throw new Error('cannot free')
    },
  })
  cache.set('a', 1)
  await expect(cache.getOrCompute('b', () => 2)).rejects.toThrow('cannot free')
  expect(await cache.getOrCompute('b', () => 3)).toBe(2)
})

test('no failure is left unhandled', async () => {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  const cache = numbers()
  const fail = Promise.withResolvers<number>()
  const controllers = [new AbortController(), new AbortController()]
  const callers = controllers.map(({ signal }) => cache.getOrCompute('a', () => fail.promise, { signal }))
  const timed = cache.getOrCompute('a', () => fail.promise, { hardTimeoutMs: 1 })
  for (const controller of controllers) controller.abort('gone')
  await Promise.allSettled([...callers, timed])
  fail.reject(new Error('late'))
  await setImmediate()
  await setImmediate()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

function freshFor(ttlMs: number): (context: ComputeContext) => number {
  return (context) => {
    context.setTtlMs(ttlMs)
    return 1
  }
}

function notKept(context: ComputeContext): number {
  context.skip()
  return 1
}

function failing(): number {
  throw new Error('down')
}
