import { expect, test } from 'vitest'
import type { GcFacts } from '../src/gc-facts.ts'
import { planGc } from '../src/gc-plan.ts'
import { goalWithin, type GcGoal } from '../src/gc-settings.ts'
import { readHeapFlags } from '../src/heap-flags.ts'
import { heapSizes } from '../src/heap-sizes.ts'

// Facts are those of real processes: Node.js within control groups of that memory.
const bigHost = factsOf({ memoryMib: 24_105.5625, heapLimitMib: 4288 })
const container512 = factsOf({ memoryMib: 512, limitMib: 512, heapLimitMib: 259 })
const container256 = factsOf({ memoryMib: 256, limitMib: 256, heapLimitMib: 259 })

test('on a big host the default of Node 24 is right for throughput, and the plan is to do nothing', () => {
  const plan = planGc(bigHost, goal('throughput'))
  expect(plan).toMatchObject({ applied: true, notApplied: [], nodeOptions: '', warnings: [] })
  expect(plan.settings).toMatchObject([{ sizeMib: 64, nowMib: 64, origin: 'default', confirmed: true }])
})

test('the default of Node 22 there is a quarter of what throughput wants', () => {
  const node22 = factsOf({ memoryMib: 24_105.5625, heapLimitMib: 4144 })
  const plan = planGc(node22, goal('throughput'))
  expect(plan).toMatchObject({ applied: false, nodeOptions: '--max-semi-space-size=64' })
  expect(plan.settings).toMatchObject([{ nowMib: 16, origin: 'plan', confirmed: false }])
  expect(plan.notApplied).toEqual(['--max-semi-space-size=64: V8 takes it only at the start of a process'])
})

test('latency asks for less than a default under which single pauses grow', () => {
  const plan = planGc(bigHost, goal('latency'))
  expect(plan.nodeOptions).toBe('--max-semi-space-size=32')
  expect(plan.settings[0]?.reason).toBe('64 MiB now; less keeps pauses short where much survives')
})

test('in a small container both sizes and what lies outside the heap add up to its memory', () => {
  const plan = planGc(container512, goal('small-container', { headroomMib: 128 }))
  expect(plan.nodeOptions).toBe('--max-semi-space-size=16 --max-old-space-size=336')
  expect(336 + 3 * 16 + 128).toBe(512)
  expect(plan.settings.map(({ reason }) => reason)).toEqual([
    '1 MiB now; three of 16 MiB are at most an eighth of 512 MiB',
    '512 MiB of the container less 128 outside the heap, less three semi-spaces of 16; 256 now',
  ])
})

test('in a container of 256 MiB the plan holds V8 below its default, which is above the container', () => {
  const plan = planGc(container256, goal('small-container'))
  expect(plan.nodeOptions).toBe('--max-semi-space-size=8 --max-old-space-size=168')
  expect(plan.warnings).toMatchObject([{ id: 'heap-above-limit' }])
})

test('a container in which the default fits keeps its old space unless it is asked to use all memory', () => {
  const container4096 = factsOf({ memoryMib: 4096, limitMib: 4096, heapLimitMib: 2240 })
  expect(planGc(container4096, goal('throughput', { headroomMib: 1024 })).applied).toBe(true)
  const all = planGc(container4096, goal('small-container', { headroomMib: 1024 }))
  expect(all.nodeOptions).toBe('--max-semi-space-size=16 --max-old-space-size=3024')
})

test('worker threads share the memory of the container', () => {
  const container2048 = factsOf({ memoryMib: 2048, limitMib: 2048, heapLimitMib: 1120 })
  const plan = planGc(container2048, goal('throughput', { workers: 3, headroomMib: 512 }))
  expect(plan.workerLimits).toEqual({ maxYoungGenerationSizeMb: 96, maxOldGenerationSizeMb: 288 })
  expect(4 * (96 + 288) + 512).toBe(2048)
})

test('a given flag is kept, whatever it says, and NODE_OPTIONS too', () => {
  const given = factsOf({
    memoryMib: 512,
    limitMib: 512,
    heapLimitMib: 268,
    nodeOptions: '--enable-source-maps --max-semi-space-size=4',
  })
  const plan = planGc(given, goal('small-container'))
  expect(plan.nodeOptions).toBe('--enable-source-maps --max-semi-space-size=4 --max-old-space-size=436')
  expect(plan.settings[0]).toMatchObject({
    sizeMib: 4,
    origin: 'given',
    confirmed: true,
    reason: 'given, therefore kept; 16 MiB without',
  })
})

test('a given size is what V8 makes of it', () => {
  const given = factsOf({ memoryMib: 24_105.5625, heapLimitMib: 4120, execArgv: ['--max-semi-space-size=5'] })
  expect(planGc(given, goal('latency')).settings).toMatchObject([{ sizeMib: 8, nowMib: 8, confirmed: true }])
})

test('a process that runs with the flags of its plan runs as planned', () => {
  const before = planGc(container512, goal('small-container'))
  const flags = before.settings.map(({ flag, sizeMib }) => `${flag}=${sizeMib}`)
  const after = factsOf({ memoryMib: 512, limitMib: 512, heapLimitMib: 400 + 3 * 16, execArgv: flags })
  expect(planGc(after, goal('small-container'))).toMatchObject({
    applied: true,
    notApplied: [],
    nodeOptions: '',
  })
})

test("a flag that V8's figures do not show is not called applied", () => {
  const ignored = factsOf({ memoryMib: 512, heapLimitMib: 259, execArgv: ['--max-semi-space-size=16'] })
  expect(planGc(ignored, goal('throughput'))).toMatchObject({
    applied: false,
    notApplied: ["--max-semi-space-size=16: V8's heap limit of 259 MiB does not show it"],
  })
  const both = factsOf({
    memoryMib: 512,
    heapLimitMib: 259,
    execArgv: ['--max-semi-space-size=16', '--max-old-space-size=336'],
  })
  expect(planGc(both, goal('throughput')).notApplied).toHaveLength(2)
})

test.each(['--max-heap-size=300', '--optimize-for-size', '--lite-mode'])(
  'nothing is planned beside %s',
  (flag) => {
    const plan = planGc(factsOf({ memoryMib: 512, heapLimitMib: 259, execArgv: [flag] }), goal('throughput'))
    expect(plan).toMatchObject({ applied: false, settings: [], workerLimits: {} })
    expect(plan.notApplied[0]).toContain('is given and decides the sizes')
  },
)

test('an unknown rule of V8 leaves the present size open and the plan explicit', () => {
  const plan = planGc(factsOf({ memoryMib: 24_000, heapLimitMib: 5000 }), goal('throughput'))
  expect(plan.settings).toMatchObject([{ sizeMib: 64, nowMib: undefined, origin: 'plan' }])
})

test.each([
  [
    'young-on-top',
    { limitMib: 600, memoryMib: 24_105.5625, heapLimitMib: 704, execArgv: ['--max-old-space-size=512'] },
  ],
  [
    'heap-above-limit',
    { limitMib: 600, memoryMib: 600, heapLimitMib: 848, execArgv: ['--max-old-space-size=800'] },
  ],
  ['optimize-for-size', { memoryMib: 24_105.5625, heapLimitMib: 4099, execArgv: ['--optimize-for-size'] }],
  [
    'small-semi-space',
    { memoryMib: 24_105.5625, heapLimitMib: 4144, execArgv: ['--max-semi-space-size=16'] },
  ],
  ['limit-too-small', { limitMib: 96, memoryMib: 512, heapLimitMib: 64, execArgv: [] }],
] as const)('it warns of %s, and of nothing else', (id, given) => {
  expect(warningsOf(given, goal('throughput'))).toEqual([id])
})

test('it warns of sizes that workers get against the plan, not of those of the plan', () => {
  const within = { memoryMib: 4096, limitMib: 4096 }
  const shared = goal('small-container', { workers: 1, headroomMib: 1024 })
  const own = ['--max-old-space-size=500', '--max-semi-space-size=16']
  expect(warningsOf({ ...within, heapLimitMib: 548, execArgv: own }, shared)).toEqual([
    'worker-limits-ignored',
  ])
  const { nodeOptions } = planGc(factsOf({ ...within, heapLimitMib: 2240 }), shared)
  expect(warningsOf({ ...within, heapLimitMib: 1488 + 48, nodeOptions }, shared)).toEqual([])
})

test('the heaps of workers count for the limit', () => {
  const given = { memoryMib: 2048, limitMib: 2048, heapLimitMib: 1120 }
  expect(warningsOf(given, goal('throughput'))).toEqual([])
  expect(warningsOf(given, goal('throughput', { workers: 1 }))).toEqual(['heap-above-limit'])
})

test('a given old space leaves the semi-space what fits beside it', () => {
  const within = { memoryMib: 512, limitMib: 512 }
  const most = factsOf({ ...within, heapLimitMib: 453, execArgv: ['--max-old-space-size=450'] })
  const plan = planGc(most, goal('small-container'))
  expect(plan).toMatchObject({ nodeOptions: '--max-semi-space-size=2', warnings: [] })
  const all = factsOf({ ...within, heapLimitMib: 483, execArgv: ['--max-old-space-size=480'] })
  expect(planGc(all, goal('small-container')).settings[0]).toMatchObject({ sizeMib: 1, origin: 'default' })
  const small = goal('small-container')
  expect(warningsOf({ ...within, heapLimitMib: 498, execArgv: beside(450, 16) }, small)).toEqual([
    'young-on-top',
  ])
  // Not in effect, but it would be with these options.
  expect(warningsOf({ ...within, heapLimitMib: 259, execArgv: beside(450, 16) }, small)).toEqual([
    'young-on-top',
  ])
})

test('no old space is planned where nothing of use would be left', () => {
  const facts = factsOf({ limitMib: 96, memoryMib: 96, heapLimitMib: 259 })
  expect(planGc(facts, goal('small-container')).nodeOptions).toBe('--max-semi-space-size=4')
})

test('without a word of the caller, a small container is one, and a quarter of it lies outside the heap', () => {
  expect(goalWithin(1024, {})).toEqual({ workload: 'small-container', workers: 0, headroomMib: 256 })
  expect(goalWithin(128, {})).toMatchObject({ headroomMib: 64 })
  expect(goalWithin(1025, {})).toMatchObject({ workload: 'throughput' })
  expect(goalWithin(undefined, {})).toMatchObject({ workload: 'throughput' })
})

test('what the caller says counts', () => {
  const wishes = { workload: 'latency', workers: 2, headroomBytes: 3 * 2 ** 20 } as const
  expect(goalWithin(512, wishes)).toEqual({ workload: 'latency', workers: 2, headroomMib: 3 })
})

function beside(oldMib: number, semiMib: number): readonly string[] {
  return [`--max-old-space-size=${oldMib}`, `--max-semi-space-size=${semiMib}`]
}

function warningsOf(given: Parameters<typeof factsOf>[0], of: GcGoal): readonly string[] {
  return planGc(factsOf(given), of).warnings.map(({ id }) => id)
}

function goal(workload: GcGoal['workload'], rest: Partial<GcGoal> = {}): GcGoal {
  return { workload, workers: 0, headroomMib: 64, ...rest }
}

function factsOf(given: {
  readonly memoryMib: number
  readonly heapLimitMib: number
  readonly limitMib?: number
  readonly execArgv?: readonly string[]
  readonly nodeOptions?: string
}): GcFacts {
  const { memoryMib, heapLimitMib, limitMib, execArgv = [], nodeOptions = '' } = given
  const flags = readHeapFlags(execArgv, nodeOptions)
  return {
    node: '24.21.0',
    heapLimitMib,
    ...heapSizes(heapLimitMib, memoryMib, flags),
    newSpaceMib: 1,
    memoryMib,
    limitMib,
    limitSource: limitMib === undefined ? undefined : '/sys/fs/cgroup/memory.max',
    flags,
    nodeOptions,
  }
}
