import { benchmark } from '@code/testkit'
import { cityNames, drawQuestions, drive, startStack, type DriveFigures, type Variant } from 'experts'

// The guide's claim: response times 67 % lower. The example service, naive, with rivals and composed, 64
// users, each sample in a fresh process. Without caches nothing is answered from memory.

const suite = benchmark({ name: 'response-time', folder: new URL('../', import.meta.url) })

await using stack = await startStack(console.log)
const questions = drawQuestions(await cityNames(), { distinct: 24_000, count: 200_000, seed: 1 })

const arm = (variant: Variant, cache: boolean) => (): Promise<DriveFigures> =>
  drive(stack, { variant, cache, questions, users: 64, warmupSeconds: 2, durationSeconds: 5 })

const load = await suite.samples({
  title: 'experts under 64 users',
  rounds: 5,
  warmupRounds: 0,
  higherIsBetter: ['rps', 'hitRatio'],
  arms: {
    naive: arm('naive', false),
    'rivals, cache on': arm('rivals', true),
    'composed, cache on': arm('composed', true),
    'rivals, cache off': arm('rivals', false),
    'composed, cache off': arm('composed', false),
  },
})

const [on, off] = ['composed, cache on', 'composed, cache off'] as const
const lower = (percent: number): number => 1 / (1 - percent / 100)
const guide = 'the guide: response times −67 %'
suite.atLeast({ in: load, metric: 'p50Ms', arm: on, timesBetterThan: lower(67), than: 'naive', claim: guide })
suite.atLeast({ in: load, metric: 'p95Ms', arm: on, timesBetterThan: lower(67), than: 'naive', claim: guide })
suite.atLeast({ in: load, metric: 'rps', arm: on, timesBetterThan: 5, than: 'naive', claim: 'the guide: 5x' })
suite.atLeast({ in: load, metric: 'p50Ms', arm: off, timesBetterThan: lower(60), than: 'naive' })
suite.atMost({ in: load, metric: 'errors', arm: on, value: 0 })
suite.atMost({ in: load, metric: 'errors', arm: off, value: 0 })
await suite.finish()
