import { AsyncLRUCache } from '@code/cache-tiers'
import { LRUCache } from 'lru-cache'

// What an entry costs beyond its key and value: a million entries after two million sets.

const size = 1_000_000
const [cacheName, ttl] = process.argv.slice(2)
const ttlMs = ttl === 'ttl' ? 600_000 : undefined
const value = {}
const keys = Array.from({ length: 2 * size }, (_, index) => `user:${index}`)

const before = heldBytes()
const cache =
  cacheName === 'ours'
    ? new AsyncLRUCache({ maxSize: size, ttlMs })
    : new LRUCache({ max: size, ...(ttlMs === undefined ? {} : { ttl: ttlMs }) })
for (const key of keys) cache.set(key, value)
const bytesPerEntry = (heldBytes() - before) / size
if (cache.size !== size) throw new Error(`holds ${cache.size} entries`)
console.log(JSON.stringify({ bytesPerEntry }))

function heldBytes() {
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
