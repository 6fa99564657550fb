import { setInterval as ticks } from 'node:timers/promises'
import { expect, expectTypeOf, test } from 'vitest'
import { CleanupScheduler, deferGc } from '../src/index.ts'
import { forcedCollections } from './forced-collections.ts'

test('the outcome is that of the work', async () => {
  const seven = deferGc(async () => 7)
  expectTypeOf(seven).toEqualTypeOf<Promise<number>>()
  expect(await seven).toBe(7)
  await expect(deferGc(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(
    deferGc(() => {
      throw new Error('at once')
    }),
  ).rejects.toThrow('at once')
})

test.each([
  [undefined, ['minor']],
  ['major', ['major']],
  ['nothing', []],
] as const)('collect: %s makes these collections before the work begins: %j', async (collect, kinds) => {
  let begunAt = 0
  const work = (): void => void (begunAt = performance.now())
  const made = await forcedCollections(() => deferGc(work, { collect }))
  expect(made.map(({ kind }) => kind)).toEqual(kinds)
  for (const { at } of made) expect(at).toBeLessThan(begunAt)
})

test('a section that begins while another is under way collects nothing', async () => {
  const made = await forcedCollections(() => deferGc(() => deferGc(() => deferGc(() => 1))))
  expect(made).toHaveLength(1)
  expect(await forcedCollections(() => deferGc(() => 1))).toHaveLength(1)
})

test('jobs are held back until the last section has ended', async () => {
  await using scheduler = new CleanupScheduler()
  const ran = Promise.withResolvers<void>()
  const { promise: end, resolve } = Promise.withResolvers<void>()
  const first = deferGc(() => end)
  const second = deferGc(() => end)
  scheduler.add('job', () => ran.resolve(), { everyMs: 1, idleOnly: false, maxDelayMs: 60_000 })
  let left = 20
  for await (const _ of ticks(2)) if (--left === 0) break
  expect(scheduler.stats().completed).toBe(0)
  resolve()
  await Promise.all([first, second, ran.promise])
})

test('wrong arguments are refused', async () => {
  await expect(deferGc(7 as never)).rejects.toThrow('work must be a function, got number')
  await expect(deferGc(() => 1, { collect: 'all' as never })).rejects.toThrow(
    "collect must be 'minor', 'major' or 'nothing', got all",
  )
})
