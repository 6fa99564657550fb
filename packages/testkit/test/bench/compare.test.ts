import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { benchmark, median, type Arm } from '../../src/index.ts'

const quick = { rounds: 3, roundMs: 5 } as const
let sink: unknown

test('bytes per operation are what the heap says', async () => {
  const { arms } = await suite().compare({
    ...quick,
    title: 'allocation',
    arms: {
      nothing: loop((i) => i),
      array: loop((i) => (sink = Array.from({ length: 100 }).fill(i))),
      huge: loop((i) => (sink = Array(4_000_000).fill(i))),
    },
  })
  expect(median(arms.nothing.bytesPerOp)).toBeLessThan(1)
  expect(median(arms.array.bytesPerOp)).toBeGreaterThan(800)
  expect(median(arms.array.bytesPerOp)).toBeLessThan(2_000)
  // Larger than the young generation: collections happen inside the window and are accounted for.
  expect(median(arms.huge.bytesPerOp)).toBeGreaterThan(30e6)
  expect(median(arms.huge.bytesPerOp)).toBeLessThan(40e6)
  void sink
})

test('asynchronous arms are awaited', async () => {
  const { arms } = await suite().compare({
    ...quick,
    title: 'waiting',
    bytes: false,
    arms: {
      waiting: { run: (n) => new Promise((resolve) => setTimeout(resolve, n)) },
    },
  })
  expect(arms.waiting).not.toHaveProperty('bytesPerOp')
  expect(median(arms.waiting.nsPerOp)).toBeGreaterThan(500_000)
  expect(median(arms.waiting.cpuNsPerOp)).toBeLessThan(median(arms.waiting.nsPerOp))
})

test('every arm runs warm before the first is measured, and each round begins with another', async () => {
  const runs: string[] = []
  const noted = (name: string): Arm => ({
    run(iterations) {
      if (runs.at(-1) !== name) runs.push(name)
      let sum = 0
      for (let i = 0; i < iterations * 1_000; i++) sum = (sum + i) | 0
      return sum
    },
  })
  await suite().compare({
    ...quick,
    title: 'order',
    bytes: false,
    arms: { a: noted('a'), b: noted('b'), c: noted('c') },
  })
  // Two warm-up passes, then rounds abc bca cab; neighbours of one name are noted once.
  expect(runs.join('')).toBe('abcabcabcbcacab'.replaceAll(/(.)\1/g, '$1'))
})

test('set-up and teardown frame all runs, also when one fails', async () => {
  const events: string[] = []
  const failing = suite().compare({
    ...quick,
    title: 'frame',
    arms: {
      good: {
        setup: () => events.push('setup'),
        ...loop(() => events.push('run')),
        teardown: () => events.push('teardown'),
      },
      bad: {
        async run() {
          await Promise.reject(new Error('boom'))
        },
      },
    },
  })
  await expect(failing).rejects.toMatchObject({
    code: 'BENCH_ARM_FAILED',
    message: 'arm "bad" of "frame" failed: boom',
    cause: new Error('boom'),
  })
  expect([events[0], events[1], events.at(-1)]).toEqual(['setup', 'run', 'teardown'])
})

test('arms that give different results are refused before anything is measured', async () => {
  const differing = { right: { run: (n: number) => [n] }, wrong: { run: (n: number) => [n + 1] } }
  await expect(
    suite().compare({ ...quick, title: 'sums', arms: differing, check: true }),
  ).rejects.toMatchObject({
    code: 'BENCH_RESULTS_DIFFER',
    message: 'arm "wrong" of "sums" gave [ 11 ], "right" gave [ 10 ]',
  })
  await expect(
    suite().compare({ ...quick, title: 'sums', arms: differing, check: isTen }),
  ).rejects.toMatchObject({
    message: 'arm "wrong" of "sums" gave [ 11 ]',
  })
})

test('an arm that does not do its iterations is refused', async () => {
  const lazy = suite().compare({ ...quick, title: 'lazy', arms: { lazy: { run: () => 1 } } })
  await expect(lazy).rejects.toThrow(
    /^arm "lazy" of "lazy" failed: run must do the operation `iterations` times/,
  )
})

test('wrong options are refused', async () => {
  const arms = { a: loop((i) => i) }
  await expect(suite().compare({ title: 't', arms, rounds: 0 })).rejects.toThrow(
    new RangeError('rounds must be an integer from 1, got 0'),
  )
  await expect(suite().compare({ title: 't', arms, roundMs: 0 })).rejects.toThrow(RangeError)
  await expect(suite().compare({ title: 't', arms: {} })).rejects.toThrow(TypeError)
})

function isTen(result: unknown): boolean {
  return isDeepStrictEqual(result, [10])
}

function suite(): ReturnType<typeof benchmark> {
  return benchmark({ name: 'test', folder: new URL('file:///nowhere/') })
}

function loop(operation: (i: number) => unknown): Arm {
  return {
    run(iterations) {
      let last: unknown
      for (let i = 0; i < iterations; i++) last = operation(i & 1023)
      return last
    },
  }
}
