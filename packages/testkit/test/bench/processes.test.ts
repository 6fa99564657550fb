import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { benchmark, median } from '../../src/index.ts'

const file = new URL('../fixtures/bench-child.mjs', import.meta.url)
const env = { COLOUR: 'green' }

test('each sample is a process of its own, with its memory, times and own figures', async () => {
  // What this process holds must not be counted to its children.
  const held = Buffer.alloc(300 << 20, 1)
  const { arms } = await suite().processes({
    title: 'memory',
    arms: {
      small: { file, args: ['1000'], env },
      large: { file, args: [String(100 << 20)], env },
    },
    samples: 2,
  })
  expect(arms.small['heldBytes']).toEqual([1000, 1000])
  expect(arms.small['colourLength']).toEqual([5, 5])
  expect(median(arms.small['wallMs'] ?? [])).toBeGreaterThan(0)
  expect(median(arms.small['cpuMs'] ?? [])).toBeGreaterThan(0)
  const peak = (arm: 'small' | 'large'): number => median(arms[arm]['peakRssBytes'] ?? [])
  expect(peak('large') - peak('small')).toBeGreaterThan(80 << 20)
  if (existsSync('/proc')) {
    expect(peak('small')).toBeLessThan(200 << 20)
    expect(median(arms.large['anonBytes'] ?? [])).toBeGreaterThan(100 << 20)
  }
  expect(held.length).toBe(300 << 20)
})

test('a process that fails names its arm, with its output', async () => {
  const failing = suite().processes({
    title: 'memory',
    arms: { bad: { file, args: ['-1'], env } },
    samples: 1,
  })
  await expect(failing).rejects.toMatchObject({
    code: 'BENCH_ARM_FAILED',
    message: expect.stringMatching(/^arm "bad" of "memory" failed: .*exit code 1\n[^]*RangeError/),
  })
})

test('a process that takes too long is ended', async () => {
  const endless = { file: new URL('../fixtures/endless.mjs', import.meta.url) }
  const late = suite().processes({ title: 'slow', arms: { endless }, samples: 1, timeoutMs: 500 })
  await expect(late).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') })
})

function suite(): ReturnType<typeof benchmark> {
  return benchmark({ name: 'test', folder: new URL('file:///nowhere/') })
}
