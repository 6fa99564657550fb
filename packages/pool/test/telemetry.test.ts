import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { ObjectPool } from '../src/index.ts'

test('every event of a pool has its channel', async () => {
  const seen: [string, unknown][] = []
  const listener = (message: unknown, name: string | symbol): void => void seen.push([String(name), message])
  const channels = ['acquire', 'release', 'create', 'destroy', 'timeout'].map((event) => `code:pool:${event}`)
  for (const channel of channels) subscribe(channel, listener)
  try {
    const pool = new ObjectPool({ name: 'p', create: () => ({}), maxSize: 1 })
    const object = await pool.acquire()
    await expect(pool.acquire({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'POOL_TIMEOUT' })
    pool.release(object)
    await pool.close()
  } finally {
    for (const channel of channels) unsubscribe(channel, listener)
  }
  const ms = expect.any(Number)
  expect(seen.find(([name]) => name === 'code:pool:timeout')?.[1]).toMatchObject({
    waitedMs: expect.toSatisfy((waitedMs: number) => waitedMs >= 1),
  })
  expect(seen).toEqual([
    ['code:pool:acquire', { pool: 'p', waitedMs: ms }],
    ['code:pool:create', { pool: 'p', ms, ok: true }],
    ['code:pool:timeout', { pool: 'p', waitedMs: ms, inUse: 1, waiting: 0 }],
    ['code:pool:release', { pool: 'p', heldMs: ms }],
    ['code:pool:destroy', { pool: 'p', reason: 'closed', cause: undefined }],
  ])
})
