import { TestkitError } from '../errors.ts'

/** Figures of several arms, measured in the same rounds: one number a round for each arm and metric. */
export interface Measurement<Arm extends string = string, Metric extends string = string> {
  readonly title: string
  readonly arms: Readonly<Record<Arm, Readonly<Record<Metric, readonly number[]>>>>
  /** The metrics of which more is better; of all others less is. */
  readonly higherIsBetter: readonly Metric[]
}

export type Figures<Metric extends string = string> = Readonly<Record<Metric, number>>

export interface RoundsOptions<Arm extends string, Metric extends string> {
  readonly title: string
  readonly arms: readonly Arm[]
  readonly rounds: number
  readonly higherIsBetter?: readonly Metric[] | undefined
  readonly measure: (arm: Arm) => Promise<Figures<Metric>>
}

/** Measures every arm once a round, another one first each time, so that drift of the machine hits all alike. */
export async function measureInRounds<Arm extends string, Metric extends string>(
  options: RoundsOptions<Arm, Metric>,
): Promise<Measurement<Arm, Metric>> {
  const { title, arms, rounds, higherIsBetter = [], measure } = options
  const samples = new Map(arms.map((arm) => [arm, [] as Figures<Metric>[]]))
  for (let round = 0; round < rounds; round++) {
    for (const arm of rotated(arms, round)) {
      const figures = await blaming(title, arm, () => measure(arm))
      samples.get(arm)!.push(checked(title, arm, figures))
    }
  }
  const perMetric = (arm: Arm): Record<Metric, number[]> => byMetric(title, arm, samples.get(arm)!)
  return {
    title,
    higherIsBetter,
    arms: Object.fromEntries(arms.map((arm) => [arm, perMetric(arm)])) as Record<
      Arm,
      Record<Metric, number[]>
    >,
  }
}

/** Rounds as asked, or fewer under `CODE_BENCH_ROUNDS`. */
export function roundsOf(asked: number): number {
  if (!Number.isSafeInteger(asked) || asked < 1) {
    throw new RangeError(`rounds must be an integer from 1, got ${asked}`)
  }
  return Math.min(asked, smokeRounds() ?? asked)
}

/** The limit that `CODE_BENCH_ROUNDS` puts on rounds, for a run that only shows that everything works. */
export function smokeRounds(): number | undefined {
  const text = process.env['CODE_BENCH_ROUNDS']
  if (!text) return undefined
  const rounds = Number(text)
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new RangeError(`CODE_BENCH_ROUNDS must be an integer from 1, got ${text}`)
  }
  return rounds
}

/** Runs work of an arm; a failure carries the arm's name. */
export async function blaming<T>(title: string, arm: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TestkitError('BENCH_ARM_FAILED', `arm "${arm}" of "${title}" failed: ${reason}`, { cause })
  }
}

export function armNames<Arm extends string>(title: string, arms: Readonly<Record<Arm, unknown>>): Arm[] {
  const names = Object.keys(arms) as Arm[]
  if (names.length === 0) throw new TypeError(`"${title}" must have at least one arm`)
  return names
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}

function checked<Metric extends string>(
  title: string,
  arm: string,
  figures: Figures<Metric>,
): Figures<Metric> {
  for (const [metric, value] of Object.entries(figures)) {
    if (typeof value === 'number' && Number.isFinite(value)) continue
    const message = `arm "${arm}" of "${title}" must give a finite number as ${metric}, got ${String(value)}`
    throw new TestkitError('BENCH_ARM_FAILED', message)
  }
  return figures
}

function byMetric<Metric extends string>(
  title: string,
  arm: string,
  samples: readonly Figures<Metric>[],
): Record<Metric, number[]> {
  const metrics = Object.keys(samples[0] ?? {}) as Metric[]
  for (const sample of samples) {
    if (Object.keys(sample).length === metrics.length && metrics.every((metric) => metric in sample)) continue
    const message = `arm "${arm}" of "${title}" must give the same figures each time, got ${metrics.join(', ')} and ${Object.keys(sample).join(', ')}`
    throw new TestkitError('BENCH_ARM_FAILED', message)
  }
  const entries = metrics.map((metric) => [metric, samples.map((sample) => sample[metric])])
  return Object.fromEntries(entries) as Record<Metric, number[]>
}
