import { expect, expectTypeOf, test } from 'vitest'
import type { ResourceLimits } from 'node:worker_threads'
import { optimizeGc, type GcPlan, type OptimizeGcOptions } from '../src/index.ts'
import { runNode } from './run-node.ts'

const fixture = new URL('fixtures/plan.ts', import.meta.url)

test('a process started with the NODE_OPTIONS of its plan runs as planned', async () => {
  const workload = await workloadThatAddsAFlag()
  const plan = await planOf({ workload })
  expect(plan.applied).toBe(false)
  const again = await planOf({ workload }, { NODE_OPTIONS: plan.nodeOptions })
  expect(again).toMatchObject({ applied: true, notApplied: [], nodeOptions: plan.nodeOptions })
  expect(again.evidence.semiSpaceMib).toBe(plan.settings[0]?.sizeMib)
})

test("a user's own options stay in front of those of the plan, and his own sizes win", async () => {
  const own = '--enable-source-maps --max_semi_space_size=2'
  const plan = await planOf({ workload: 'throughput' }, { NODE_OPTIONS: own })
  expect(plan.nodeOptions.startsWith(own)).toBe(true)
  expect(plan.settings[0]).toMatchObject({ sizeMib: 2, origin: 'given', confirmed: true })
})

test.each([
  ['take effect', [], 100 + 12],
  ['are ignored beside a flag for the semi-space', ['--max-semi-space-size=8'], 100 + 3 * 8],
  ['are ignored beside a flag for the old space', ['--max-old-space-size=200'], 200 + 12],
])('the limits of a worker thread %s', async (_, flags, heapLimitMib) => {
  const program = `
    const { Worker } = require('node:worker_threads')
    const inWorker = "require('node:worker_threads').parentPort.postMessage(require('node:v8').getHeapStatistics())"
    const resourceLimits = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 100 }
    new Worker(inWorker, { eval: true, resourceLimits })
      .on('message', ({ heap_size_limit }) => console.log(heap_size_limit / 2 ** 20))`
  expect(await runNode([...flags, '-e', program])).toBe(heapLimitMib)
})

test('a plan alone starts nothing anew', () => {
  const plan = optimizeGc()
  expect(plan.evidence.node).toBe(process.versions.node)
  expect(plan.workload).toMatch(/^(throughput|small-container)$/)
  expectTypeOf(plan.workerLimits).toExtend<ResourceLimits>()
})

test.each<[OptimizeGcOptions, string]>([
  [
    { workload: 'fast' as never },
    "workload must be one of 'throughput', 'latency', 'small-container', got 'fast'",
  ],
  [{ apply: true as never }, "apply must be one of 'plan', 're-exec', got true"],
  [{ workers: -1 }, 'workers must be an integer from 0, got -1'],
  [{ headroomBytes: Number.NaN }, 'headroomBytes must be bytes from 0, got NaN'],
])('%o is refused', (options, message) => {
  expect(() => optimizeGc(options)).toThrow(message)
})

async function planOf(options: OptimizeGcOptions, env: NodeJS.ProcessEnv = {}): Promise<GcPlan> {
  return (await runNode([fixture, JSON.stringify(options)], { env })) as GcPlan
}

/** The sizes wanted differ, hence at most one of the two is the default, whatever Node.js and machine this is. */
async function workloadThatAddsAFlag(): Promise<'latency' | 'small-container'> {
  return (await planOf({ workload: 'latency' })).applied ? 'small-container' : 'latency'
}
