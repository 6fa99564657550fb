import type { AsyncLRUCache } from '@code/cache-tiers'
import type { LRUCache } from 'lru-cache'
import type { Picks } from './workload.ts'

// Each loop twice, word for word: a loop that has met both caches is slow for both.

type Ours = AsyncLRUCache<string, number>
type Rival = LRUCache<string, number>

interface Loop {
  run(iterations: number): number
}

/** Counts the values found. */
export function oursGets(cache: Ours, keys: readonly string[], picks: Picks): Loop {
  let at = 0
  return {
    run(iterations) {
      let found = 0
      for (let i = 0; i < iterations; i++) {
        if (cache.get(keys[picks[at++ & (picks.length - 1)]!]!) !== undefined) found++
      }
      return found
    },
  }
}

export function rivalGets(cache: Rival, keys: readonly string[], picks: Picks): Loop {
  let at = 0
  return {
    run(iterations) {
      let found = 0
      for (let i = 0; i < iterations; i++) {
        if (cache.get(keys[picks[at++ & (picks.length - 1)]!]!) !== undefined) found++
      }
      return found
    },
  }
}

/** Twice as many keys as room, in turn: every set evicts. */
export function oursSets(cache: Ours, keys: readonly string[]): Loop {
  let at = 0
  return {
    run(iterations) {
      for (let i = 0; i < iterations; i++) {
        cache.set(keys[at]!, i)
        if (++at === keys.length) at = 0
      }
      return cache.size
    },
  }
}

export function rivalSets(cache: Rival, keys: readonly string[]): Loop {
  let at = 0
  return {
    run(iterations) {
      for (let i = 0; i < iterations; i++) {
        cache.set(keys[at]!, i)
        if (++at === keys.length) at = 0
      }
      return cache.size
    },
  }
}

/** Counts the hits. */
export function oursGetsOrSets(cache: Ours, keys: readonly string[], picks: Picks): Loop {
  let at = 0
  return {
    run(iterations) {
      let hits = 0
      for (let i = 0; i < iterations; i++) {
        const key = keys[picks[at++ & (picks.length - 1)]!]!
        if (cache.get(key) === undefined) cache.set(key, i)
        else hits++
      }
      return hits
    },
  }
}

export function rivalGetsOrSets(cache: Rival, keys: readonly string[], picks: Picks): Loop {
  let at = 0
  return {
    run(iterations) {
      let hits = 0
      for (let i = 0; i < iterations; i++) {
        const key = keys[picks[at++ & (picks.length - 1)]!]!
        if (cache.get(key) === undefined) cache.set(key, i)
        else hits++
      }
      return hits
    },
  }
}
