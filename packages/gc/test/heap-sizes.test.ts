import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import type { GcPlan } from '../src/index.ts'
import { heapSizes } from '../src/heap-sizes.ts'
import { runNode } from './run-node.ts'

const fixture = new URL('fixtures/plan.ts', import.meta.url)

// Heap limits that Node.js shows within control groups of these sizes. [Node, memory, limit, old space, semi-space]
test.each([
  [22, 256, 259, 256, 1],
  [22, 1024, 524, 512, 4],
  [22, 2048, 1048, 1024, 8],
  [22, 20_000, 4144, 4096, 16],
  [24, 512, 259, 256, 1],
  [24, 513, 304.5, 256.5, 16],
  [24, 1024, 560, 512, 16],
  [24, 1907.348750114441, 1049.75, 953.6743750572205, 32],
  [24, 4096, 2240, 2048, 64],
  [24, 15_360, 4288, 4096, 64],
  [26, 512, 268, 256, 4],
  [26, 3072, 1632, 1536, 32],
])(
  'both sizes of Node %i in %i MiB follow from its limit',
  (_, memoryMib, limitMib, oldSpaceMib, semiSpaceMib) => {
    expect(heapSizes(limitMib, memoryMib, {})).toEqual({ oldSpaceMib, semiSpaceMib })
  },
)

test('a limit that no three semi-spaces make up leaves both sizes open', () => {
  const open = { oldSpaceMib: undefined, semiSpaceMib: undefined }
  expect(heapSizes(4300, 20_000, {})).toEqual(open)
  expect(heapSizes(512, 20_000, { '--max-heap-size': 512 })).toEqual(open)
})

test('a percentage of the memory is an old space too', () => {
  const flags = { '--max-old-space-size-percentage': 50 }
  expect(heapSizes(12_244, 24_105.5625, flags)).toEqual({ oldSpaceMib: 12_052, semiSpaceMib: 64 })
})

test("the sizes found are V8's own, which it tells in a worker thread", async () => {
  const program = `
    const { parentPort, resourceLimits } = require('node:worker_threads')
    parentPort.postMessage(resourceLimits)`
  const worker = new Worker(program, { eval: true, execArgv: [] })
  const [own] = (await once(worker, 'message')) as [
    { maxOldGenerationSizeMb: number; maxYoungGenerationSizeMb: number },
  ]
  const { evidence } = (await runNode([fixture])) as GcPlan
  expect(evidence.oldSpaceMib).toBeCloseTo(own.maxOldGenerationSizeMb, -1)
  expect(evidence.semiSpaceMib).toBe(own.maxYoungGenerationSizeMb / 3)
  expect(own.maxOldGenerationSizeMb + own.maxYoungGenerationSizeMb).toBeCloseTo(evidence.heapLimitMib, -1)
})

test.each([
  [['--max-semi-space-size=8'], 8],
  [['--max-semi-space-size=5'], 8],
  [['--max-old-space-size=512', '--max-semi-space-size=16'], 16],
  [['--optimize-for-size', '--max-semi-space-size=16'], 1],
  [['--max-heap-size=512'], undefined],
])('a process started with %j has semi-spaces of %j MiB', async (flags, semiSpaceMib) => {
  const { evidence } = (await runNode([...flags, fixture])) as GcPlan
  expect(evidence.semiSpaceMib).toBe(semiSpaceMib)
})

test('the new space of a process grows to two semi-spaces of the size found and no further', async () => {
  const program = `
    let keep = []
    for (let i = 0; i < 3e6; i++) {
      keep.push({ i })
      if (keep.length > 2e4) keep = []
    }
    const { space_size } = require('node:v8').getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
    console.log(space_size / 2 ** 20)`
  expect(await runNode(['--max-semi-space-size=2', '-e', program])).toBe(4)
})
