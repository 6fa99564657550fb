import { GCProfiler } from 'node:v8'
import { GcMonitor, optimizeGc } from '@code/gc'
import { benchmark } from '@code/testkit'
import { addedFlags, planGc } from '../src/gc-plan.ts'
import { heapSizes } from '../src/heap-sizes.ts'

// What a plan is worth where V8 starts with a small young generation, what larger ones cost where much
// survives, what deferGc does for a critical section, and what counting pauses costs.

const suite = benchmark({ name: 'gc', folder: new URL('./', import.meta.url) })

// The heap sizes that V8 chooses within these limits, as flags: a bench may not make control groups.
const small = ['--max-semi-space-size=1', '--max-old-space-size=256']
const medium = ['--max-semi-space-size=4', '--max-old-space-size=512']
const planned = (
  memoryMib: number,
  heapLimitMib: number,
  workload: 'small-container' | 'throughput',
): string[] => {
  const facts = {
    ...optimizeGc().evidence,
    ...heapSizes(heapLimitMib, memoryMib, {}),
    heapLimitMib,
    memoryMib,
    limitMib: memoryMib,
    flags: {},
  }
  return addedFlags(planGc(facts, { workload, workers: 0, headroomMib: memoryMib / 4 }).settings)
}
const smallPlan = planned(512, 259, 'small-container')
const mediumPlan = [...planned(1024, 524, 'throughput'), '--max-old-space-size=512']
const here = optimizeGc({ workload: 'throughput' })
console.log('plan in 512 MiB:', smallPlan.join(' '))
console.log('plan in 1 GiB with Node 22:', mediumPlan.join(' '))
console.log(
  'plan here:',
  addedFlags(here.settings).join(' ') || `nothing to gain: ${here.settings[0]?.reason}`,
)

const file = new URL('http-service.mjs', import.meta.url)
const service = await suite.processes({
  title: 'an HTTP service that allocates, 2,000 requests of 64 clients',
  samples: 5,
  arms: {
    '1 MiB: Node in 512 MiB': { file, execArgv: small },
    'plan in 512 MiB': { file, execArgv: smallPlan },
    '4 MiB: Node 22 in 1 GiB': { file, execArgv: medium },
    'plan in 1 GiB': { file, execArgv: mediumPlan },
    'default here': { file },
  },
})
for (const [arm, than] of [
  ['plan in 512 MiB', '1 MiB: Node in 512 MiB'],
  ['plan in 1 GiB', '4 MiB: Node 22 in 1 GiB'],
] as const) {
  suite.atLeast({ in: service, metric: 'gcMs', arm, timesBetterThan: 2, than })
  suite.atLeast({ in: service, metric: 'cpuMsPerRequest', arm, timesBetterThan: 1 / 0.85, than })
}

const survivors = new URL('survivors.mjs', import.meta.url)
await suite.processes({
  title: 'minor pauses where much survives, by semi-space',
  samples: 3,
  arms: {
    '16 MiB': { file: survivors, execArgv: ['--max-semi-space-size=16'] },
    '32 MiB': { file: survivors, execArgv: ['--max-semi-space-size=32'] },
    '64 MiB': { file: survivors, execArgv: ['--max-semi-space-size=64'] },
  },
})

const section = new URL('section.mjs', import.meta.url)
const deferred = await suite.processes({
  title: 'a section of some milliseconds in a process that allocates',
  arms: {
    plain: { file: section, args: ['plain'] },
    'deferGc, minor': { file: section, args: ['minor'] },
    'deferGc, major': { file: section, args: ['major'] },
  },
})
suite.atLeast({
  in: deferred,
  metric: 'sectionP99Ms',
  arm: 'deferGc, minor',
  timesBetterThan: 1,
  than: 'plain',
})

const monitor = new GcMonitor()
const profiler = new GCProfiler()
const counting = await suite.compare({
  title: 'allocating 100,000 objects, pauses counted or not',
  bytes: false,
  arms: {
    'not counted': { run: allocate },
    GcMonitor: {
      run(iterations) {
        monitor.start()
        const sum = allocate(iterations)
        monitor.stop()
        return sum
      },
    },
    'GCProfiler of node:v8': {
      run(iterations) {
        profiler.start()
        const sum = allocate(iterations)
        profiler.stop()
        return sum
      },
    },
  },
})
suite.atLeast({
  in: counting,
  metric: 'cpuNsPerOp',
  arm: 'GcMonitor',
  timesBetterThan: 0.9,
  than: 'not counted',
})

await suite.finish()

function allocate(iterations: number): number {
  let sum = 0
  for (let n = 0; n < iterations; n++) {
    sum += Array.from({ length: 100_000 }, (_, id) => ({ id })).length
  }
  return sum
}
