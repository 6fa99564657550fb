import { quantile, type Benchmark } from '@code/testkit'
import { openPools } from './pools.ts'

const objects = 10
const callers = 1000
const loans = 50_000

/** What lending costs, and how long callers wait, when a thousand want ten objects. */
export async function measureContended(suite: Benchmark): Promise<void> {
  const { ours, generic, tarn, lightning, close } = await openPools(objects)
  const contended = await suite.samples({
    title: `${callers} callers want ${objects} objects and hold them over one setImmediate`,
    rounds: 7,
    warmupRounds: 2,
    arms: {
      'generic-pool': () =>
        drive(
          () => generic.acquire(),
          (object) => void generic.release(object as never),
        ),
      tarn: () =>
        drive(
          () => tarn.acquire().promise,
          (object) => tarn.release(object as never),
        ),
      'lightning-pool': () =>
        drive(
          () => lightning.acquire(),
          (object) => lightning.release(object as never),
        ),
      ours: () =>
        drive(
          () => ours.acquire(),
          (object) => ours.release(object as never),
        ),
    },
  })
  const than = 'generic-pool'
  suite.atLeast({ in: contended, metric: 'nsPerLoan', arm: 'ours', timesBetterThan: 1.8, than })
  suite.atLeast({ in: contended, metric: 'p99WaitMs', arm: 'ours', timesBetterThan: 1 / 0.6, than })
  await close()
}

async function drive(
  acquire: () => Promise<object>,
  release: (object: object) => void,
): Promise<{ nsPerLoan: number; p99WaitMs: number }> {
  let left = loans
  const started = performance.now()
  await allCallers(async () => {
    while (left-- > 0) {
      const object = await acquire()
      await new Promise(setImmediate)
      release(object)
    }
  })
  const nsPerLoan = ((performance.now() - started) * 1e6) / loans

  // Once more for the waits: reading a clock twice costs as much as a loan.
  left = loans
  const waits: number[] = []
  await allCallers(async () => {
    while (left-- > 0) {
      const asked = performance.now()
      const object = await acquire()
      waits.push(performance.now() - asked)
      await new Promise(setImmediate)
      release(object)
    }
  })
  return { nsPerLoan, p99WaitMs: quantile(waits, 0.99) }
}

async function allCallers(borrow: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: callers }, borrow))
}
