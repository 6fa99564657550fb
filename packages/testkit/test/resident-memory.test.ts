import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { residentMemory, superviseProcess } from '../src/index.ts'

test('another process’s memory is told while it lives, where the kernel tells it', async () => {
  const child = await superviseProcess({
    command: process.execPath,
    args: ['-e', `const kept = Buffer.alloc(64 << 20, 1); setInterval(() => kept, 1e6); console.log('up')`],
    ready: (line) => line === 'up',
  })
  const memory = residentMemory(child.pid)
  await child.stop()
  expect(residentMemory(child.pid)).toBe(undefined)
  if (!existsSync('/proc')) return
  expect(memory?.anonBytes).toBeGreaterThan(64 << 20)
  expect(memory?.rssBytes).toBeGreaterThan(memory?.anonBytes ?? 0)
  expect(memory?.peakRssBytes).toBeGreaterThanOrEqual(memory?.rssBytes ?? 0)
})

test('of this process by default', () => {
  expect(residentMemory() !== undefined).toBe(existsSync('/proc'))
})
