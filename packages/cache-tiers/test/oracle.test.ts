import { LRUCache } from 'lru-cache'
import { expect, test } from 'vitest'
import { AsyncLRUCache } from '../src/index.ts'

const operations = 1_000_000
const seed = 20_261_123

/** Time moves in whole milliseconds, and lru-cache counts the last one as fresh. */
const beyond = 0.5

/** Uniform numbers from 0 to 1 by mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

for (const ttl of [false, true]) {
  const title = `a million random operations ${ttl ? 'with a ttl ' : ''}end as in lru-cache`
  test(`${title} (seed ${seed})`, { timeout: 60_000 }, () => {
    let now = 1
    const maxSize = 300
    const evicted: number[] = []
    const expected: number[] = []
    const ours = new AsyncLRUCache<number, object>({
      maxSize,
      clock: () => now,
      ttlMs: ttl ? 500 + beyond : undefined,
      onEvict: (key, _, reason) => {
        if (reason === 'capacity' || (reason === 'expired' && evicting)) evicted.push(key)
      },
    })
    const theirs = new LRUCache<number, object>({
      max: maxSize,
      ...(ttl ? { ttl: 500, ttlResolution: 0, perf: { now: () => now } } : {}),
      dispose: (_, key, reason) => {
        if (reason === 'evict') expected.push(key)
      },
    })
    let evicting = false
    const random = randomNumbers(seed)
    for (let i = 0; i < operations; i++) {
      const key = Math.floor(random() ** 2 * 1000)
      const kind = random()
      if (kind < 0.5) {
        if (ours.get(key) !== theirs.get(key)) expect.fail(`operation ${i}: get(${key}) differs`)
      } else if (kind < 0.85) {
        const value = { i }
        const own = ttl && kind < 0.6 ? Math.ceil(random() * 2000) : undefined
        evicting = true
        ours.set(key, value, { ttlMs: own === undefined ? undefined : own + beyond })
        evicting = false
        theirs.set(key, value, own === undefined ? {} : { ttl: own })
      } else if (kind < 0.9) {
        if (ours.delete(key) !== theirs.delete(key)) expect.fail(`operation ${i}: delete(${key}) differs`)
      } else if (kind < 0.95) {
        if (ours.has(key) !== theirs.has(key)) expect.fail(`operation ${i}: has(${key}) differs`)
      } else if (kind < 0.999_99) {
        if (ours.peek(key) !== theirs.peek(key)) expect.fail(`operation ${i}: peek(${key}) differs`)
      } else {
        ours.clear()
        theirs.clear()
      }
      if (ours.size !== theirs.size) expect.fail(`operation ${i}: size ${ours.size}, not ${theirs.size}`)
      if (ttl && random() < 0.3) now += Math.floor(random() * 4)
    }
    expect(evicted.length).toBeGreaterThan(10_000)
    expect(evicted).toEqual(expected)
    expect(new Map(ours)).toEqual(new Map(theirs.entries()))
  })
}
