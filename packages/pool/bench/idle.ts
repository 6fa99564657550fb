import type { Benchmark } from '@code/testkit'
import { openPools } from './pools.ts'

/** What one loan and its return cost in an idle pool of ten, with a bare array as the limit. */
export async function measureIdle(suite: Benchmark): Promise<void> {
  const { ours, generic, tarn, lightning, array, close } = await openPools(10)
  const idle = await suite.compare({
    title: 'one loan and its return, pool idle',
    check: true,
    arms: {
      'generic-pool': {
        async run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = await generic.acquire()
            sum += object.value
            void generic.release(object)
          }
          return sum
        },
      },
      tarn: {
        async run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = await tarn.acquire().promise
            sum += object.value
            tarn.release(object)
          }
          return sum
        },
      },
      'lightning-pool': {
        async run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = await lightning.acquire()
            sum += object.value
            lightning.release(object)
          }
          return sum
        },
      },
      'ours, tryAcquire': {
        run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = ours.tryAcquire()!
            sum += object.value
            ours.release(object)
          }
          return sum
        },
      },
      'ours, awaited': {
        async run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = await ours.acquire()
            sum += object.value
            ours.release(object)
          }
          return sum
        },
      },
      'bare array': {
        run(iterations) {
          let sum = 0
          for (let i = 0; i < iterations; i++) {
            const object = array.pop()!
            sum += object.value
            array.push(object)
          }
          return sum
        },
      },
    },
  })
  const [sync, awaited] = ['ours, tryAcquire', 'ours, awaited'] as const
  suite.atLeast({ in: idle, metric: 'nsPerOp', arm: sync, timesBetterThan: 30, than: 'generic-pool' })
  suite.atLeast({ in: idle, metric: 'nsPerOp', arm: sync, timesBetterThan: 1 / 6, than: 'bare array' })
  suite.atMost({ in: idle, metric: 'bytesPerOp', arm: sync, value: 8 })
  suite.atLeast({ in: idle, metric: 'nsPerOp', arm: awaited, timesBetterThan: 8, than: 'generic-pool' })
  suite.atMost({ in: idle, metric: 'bytesPerOp', arm: awaited, value: 300 })
  await close()
}
