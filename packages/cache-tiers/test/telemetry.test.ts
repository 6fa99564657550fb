import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { AsyncLRUCache, TieredCache } from '../src/index.ts'

test('every event of a cache has its channel', async () => {
  let now = 0
  const seen = await recorded(async () => {
    const cache = new AsyncLRUCache<string, number>({ name: 'c', maxSize: 1, clock: () => now })
    await cache.getOrCompute('a', () => 1)
    cache.get('a')
    now = 5
    cache.set('b', 2, { ttlMs: 10 })
    now = 20
    cache.get('b')
    await cache.getOrCompute('b', () => Promise.reject(new Error('no'))).catch(() => {})
    cache.delete('b')
    cache.set('b', 3)
    cache.clear()
  })
  const ms = expect.any(Number)
  expect(seen).toEqual([
    ['code:cache-tiers:lookup', { cache: 'c', hit: 'none', ms }],
    ['code:cache-tiers:compute', { cache: 'c', ms, ok: true }],
    ['code:cache-tiers:lookup', { cache: 'c', hit: 'l1', ms }],
    ['code:cache-tiers:evict', { cache: 'c', tier: 'l1', reason: 'capacity', ageMs: 5 }],
    ['code:cache-tiers:evict', { cache: 'c', tier: 'l1', reason: 'expired', ageMs: 15 }],
    ['code:cache-tiers:lookup', { cache: 'c', hit: 'none', ms }],
    ['code:cache-tiers:lookup', { cache: 'c', hit: 'none', ms }],
    ['code:cache-tiers:compute', { cache: 'c', ms, ok: false }],
    ['code:cache-tiers:invalidate', { cache: 'c', keys: 1, tags: 0, remote: false }],
    ['code:cache-tiers:invalidate', { cache: 'c', keys: 1, tags: 0, remote: false }],
  ])
})

test('a tiered cache tells of itself under its own name, once', async () => {
  const seen = await recorded(async () => {
    const cache = new TieredCache({ name: 't', l1: { maxSize: 1 }, namespace: 'n' })
    await cache.getOrCompute('a', () => 1)
    await cache.invalidate({ keys: ['a', 'b'] })
  })
  const ms = expect.any(Number)
  expect(seen).toEqual([
    ['code:cache-tiers:lookup', { cache: 't', hit: 'none', ms }],
    ['code:cache-tiers:compute', { cache: 't', ms, ok: true }],
    ['code:cache-tiers:invalidate', { cache: 't', keys: 2, tags: 0, remote: false }],
  ])
})

test('living caches are listed among the instruments, a tiered one until it is closed', async () => {
  const l1 = new AsyncLRUCache({ name: 'listed-l1', maxSize: 3 })
  const tiered = new TieredCache({ name: 'listed', l1 })
  const own = new TieredCache({ name: 'own', l1: { maxSize: 1 } })
  await tiered.set('a', 1)
  expect(instruments().get('cache:listed-l1')?.stats()).toMatchObject({ size: 1, maxSize: 3 })
  expect(instruments().get('cache:listed')?.stats()).toMatchObject({ 'l1.size': 1, 'l1.maxSize': 3 })
  expect([...instruments().keys()].filter((key) => key.startsWith('cache:own'))).toEqual(['cache:own'])
  await Promise.all([tiered.close(), own.close()])
  expect([...instruments().keys()].filter((key) => key.startsWith('cache:listed'))).toEqual([
    'cache:listed-l1',
  ])
})

interface Instrument {
  stats(): Record<string, unknown>
}

function instruments(): Map<string, Instrument> {
  return (globalThis as never as Record<symbol, Map<string, Instrument>>)[Symbol.for('code.instruments')]!
}

async function recorded(work: () => Promise<void>): Promise<[string, unknown][]> {
  const seen: [string, unknown][] = []
  const listener = (message: unknown, name: string | symbol): void => void seen.push([String(name), message])
  const channels = ['lookup', 'compute', 'evict', 'invalidate'].map((event) => `code:cache-tiers:${event}`)
  for (const channel of channels) subscribe(channel, listener)
  try {
    await work()
  } finally {
    for (const channel of channels) unsubscribe(channel, listener)
  }
  return seen
}
