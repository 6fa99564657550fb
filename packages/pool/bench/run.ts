import { ObjectPool } from '@code/pool'
import { benchmark } from '@code/testkit'
import genericPool from 'generic-pool'
import { createPool as createLightningPool } from 'lightning-pool'
import { Pool as TarnPool } from 'tarn'

// What a loan costs in an idle pool of ten, against the pools people use and a bare array as the limit, and
// what lending costs when a hundred callers want ten objects.

const size = 10
const make = (): { value: number } => ({ value: 1 })

const ours = new ObjectPool({ create: make, maxSize: size })
await ours.warm(size)
const generic = genericPool.createPool(
  { create: () => Promise.resolve(make()), destroy: () => Promise.resolve() },
  { min: size, max: size },
)
await generic.ready()
const tarn = new TarnPool<{ value: number }>({
  create: () => Promise.resolve(make()),
  destroy: () => {},
  min: size,
  max: size,
})
const lightning = createLightningPool(
  { create: () => Promise.resolve(make()), destroy: () => Promise.resolve() },
  { min: size, max: size },
)
lightning.start()
const array = Array.from({ length: size }, make)

const suite = benchmark({ name: 'pool', folder: new URL('./', import.meta.url) })

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
suite.atLeast({
  in: idle,
  metric: 'nsPerOp',
  arm: 'ours, tryAcquire',
  timesBetterThan: 20,
  than: 'generic-pool',
})
suite.atLeast({ in: idle, metric: 'nsPerOp', arm: 'ours, awaited', timesBetterThan: 5, than: 'generic-pool' })
suite.atMost({ in: idle, metric: 'bytesPerOp', arm: 'ours, tryAcquire', value: 8 })

const callers = 100
const contended = await suite.compare({
  title: `${callers} callers want ${size} objects and hold them over one setImmediate`,
  arms: {
    'generic-pool': holding(
      () => generic.acquire() as Promise<object>,
      (object) => void generic.release(object as never),
    ),
    tarn: holding(
      () => tarn.acquire().promise,
      (object) => tarn.release(object as never),
    ),
    'lightning-pool': holding(
      () => lightning.acquire(),
      (object) => lightning.release(object as never),
    ),
    ours: holding(
      () => ours.acquire(),
      (object) => ours.release(object as never),
    ),
  },
})
suite.atLeast({ in: contended, metric: 'nsPerOp', arm: 'ours', timesBetterThan: 1.2, than: 'generic-pool' })

await suite.finish()
lightning.close()
await Promise.all([ours.close(), generic.drain(), tarn.destroy()])

/** One operation is one loan; the callers go round until all loans are done. */
function holding(acquire: () => Promise<object>, release: (object: object) => void) {
  return {
    async run(iterations: number): Promise<number> {
      let left = iterations
      const caller = async (): Promise<void> => {
        while (left-- > 0) {
          const object = await acquire()
          await new Promise(setImmediate)
          release(object)
        }
      }
      await Promise.all(Array.from({ length: callers }, caller))
      return iterations
    },
  }
}
