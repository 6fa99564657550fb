import { AsyncLRUCache, TieredCache } from '@code/cache-tiers'
import { benchmark } from '@code/testkit'
import { LRUCache } from 'lru-cache'
import { oursGets, oursGetsOrSets, oursSets, rivalGets, rivalGetsOrSets, rivalSets } from './loops.ts'
import { keyNames, uniform, zipf } from './workload.ts'

// Against lru-cache: get that hits, get that misses, set that evicts, and get-or-set of keys drawn by a Zipf
// law, each with and without a ttl; then awaited hits against an async function over a Map; then memory.
// Loops are judged by CPU time, which a busy neighbour doesn't lengthen as it does time.

const ttlMs = 600_000
const ours = (maxSize: number): AsyncLRUCache<string, number> => new AsyncLRUCache({ maxSize })
const oursTtl = (maxSize: number): AsyncLRUCache<string, number> => new AsyncLRUCache({ maxSize, ttlMs })
const rival = (max: number): LRUCache<string, number> => new LRUCache({ max })
const rivalTtl = (max: number): LRUCache<string, number> => new LRUCache({ max, ttl: ttlMs })

const suite = benchmark({ name: 'cache-tiers', folder: new URL('./', import.meta.url) })

// At 100,000 entries all wait for memory, and a noisy neighbour decides: more rounds, wider bars.
const sizes = [
  { size: 1000, rounds: 7, bars: { hit: 0.9, miss: 0.75, set: 0.9, zipf: 0.9 } },
  { size: 10_000, rounds: 7, bars: { hit: 1, miss: 0.8, set: 0.9, zipf: 0.9 } },
  { size: 100_000, rounds: 15, bars: { hit: 0.9, miss: 0.7, set: 0.8, zipf: 0.8 } },
]
for (const { size, rounds, bars } of sizes) {
  const keys = keyNames(0, size)
  const others = keyNames(size, size)
  const anyKey = uniform(size)
  const filled = <C extends { set(key: string, value: number): unknown }>(cache: C): C => {
    for (const [index, key] of keys.entries()) cache.set(key, index)
    return cache
  }
  const label = `${size.toLocaleString('en')} entries`

  const hits = await suite.compare({
    title: `get, hit, ${label}`,
    rounds,
    check: true,
    arms: {
      'lru-cache, ttl': rivalGets(filled(rivalTtl(size)), keys, anyKey),
      'ours, ttl': oursGets(filled(oursTtl(size)), keys, anyKey),
      'lru-cache': rivalGets(filled(rival(size)), keys, anyKey),
      ours: oursGets(filled(ours(size)), keys, anyKey),
    },
  })
  suite.atLeast({
    in: hits,
    metric: 'cpuNsPerOp',
    arm: 'ours, ttl',
    timesBetterThan: bars.hit,
    than: 'lru-cache, ttl',
  })
  suite.atMost({ in: hits, metric: 'bytesPerOp', arm: 'ours, ttl', value: 1 })

  const misses = await suite.compare({
    title: `get, miss, ${label}`,
    rounds,
    bytes: false,
    check: true,
    arms: {
      'lru-cache, ttl': rivalGets(filled(rivalTtl(size)), others, anyKey),
      'ours, ttl': oursGets(filled(oursTtl(size)), others, anyKey),
      'lru-cache': rivalGets(filled(rival(size)), others, anyKey),
      ours: oursGets(filled(ours(size)), others, anyKey),
    },
  })
  suite.atLeast({
    in: misses,
    metric: 'cpuNsPerOp',
    arm: 'ours, ttl',
    timesBetterThan: bars.miss,
    than: 'lru-cache, ttl',
  })

  const both = [...keys, ...others]
  const sets = await suite.compare({
    title: `set that evicts, ${label}`,
    rounds,
    bytes: false,
    check: true,
    arms: {
      'lru-cache, ttl': rivalSets(filled(rivalTtl(size)), both),
      'ours, ttl': oursSets(filled(oursTtl(size)), both),
      'lru-cache': rivalSets(filled(rival(size)), both),
      ours: oursSets(filled(ours(size)), both),
    },
  })
  suite.atLeast({
    in: sets,
    metric: 'cpuNsPerOp',
    arm: 'ours, ttl',
    timesBetterThan: bars.set,
    than: 'lru-cache, ttl',
  })

  const universe = keyNames(0, 10 * size)
  const byZipf = zipf(10 * size)
  const mixed = await suite.compare({
    title: `get or set, Zipf 0.99, room for a tenth: ${label}`,
    rounds,
    bytes: false,
    check: true,
    arms: {
      'lru-cache, ttl': rivalGetsOrSets(rivalTtl(size), universe, byZipf),
      'ours, ttl': oursGetsOrSets(oursTtl(size), universe, byZipf),
      'lru-cache': rivalGetsOrSets(rival(size), universe, byZipf),
      ours: oursGetsOrSets(ours(size), universe, byZipf),
    },
  })
  suite.atLeast({
    in: mixed,
    metric: 'cpuNsPerOp',
    arm: 'ours, ttl',
    timesBetterThan: bars.zipf,
    than: 'lru-cache, ttl',
  })
}

const keys = keyNames(0, 1024)
const compute = (): Promise<number> => Promise.reject(new Error('every key is there'))
const map = new Map(keys.map((key) => [key, 1]))
const getFromMap = async (key: string): Promise<number> => map.get(key)!
const lru = new LRUCache<string, number>({ max: keys.length, ttl: ttlMs, fetchMethod: compute })
const flat = oursTtl(keys.length)
const tiered = new TieredCache({ l1: { maxSize: keys.length } })
for (const key of keys) {
  lru.set(key, 1)
  flat.set(key, 1)
  await tiered.set(key, 1, { ttlMs })
}

const awaited = await suite.compare({
  title: 'awaited hit, 1,024 entries',
  check: true,
  arms: {
    'async Map.get': {
      async run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += await getFromMap(keys[i & 1023]!)
        return sum
      },
    },
    'lru-cache.fetch, ttl': {
      async run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += (await lru.fetch(keys[i & 1023]!))!
        return sum
      },
    },
    'AsyncLRUCache.getOrCompute, ttl': {
      async run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) sum += await flat.getOrCompute(keys[i & 1023]!, compute)
        return sum
      },
    },
    'TieredCache.getOrCompute, ttl': {
      async run(iterations) {
        let sum = 0
        for (let i = 0; i < iterations; i++) {
          sum += await tiered.getOrCompute(keys[i & 1023]!, compute, { ttlMs, swrMs: 1000 })
        }
        return sum
      },
    },
  },
})
for (const arm of ['AsyncLRUCache.getOrCompute, ttl', 'TieredCache.getOrCompute, ttl'] as const) {
  suite.atLeast({ in: awaited, metric: 'cpuNsPerOp', arm, timesBetterThan: 0.5, than: 'async Map.get' })
}

const file = new URL('fill.mjs', import.meta.url)
const execArgv = ['--expose-gc']
const memory = await suite.processes({
  title: 'a million entries after two million sets, without keys and values',
  samples: 3,
  arms: {
    'lru-cache, ttl': { file, execArgv, args: ['lru-cache', 'ttl'] },
    'ours, ttl': { file, execArgv, args: ['ours', 'ttl'] },
    'lru-cache': { file, execArgv, args: ['lru-cache'] },
    ours: { file, execArgv, args: ['ours'] },
  },
})
suite.atLeast({
  in: memory,
  metric: 'bytesPerEntry',
  arm: 'ours, ttl',
  timesBetterThan: 1.05,
  than: 'lru-cache, ttl',
})

await suite.finish()
await tiered.close()
