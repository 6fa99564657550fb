import {
  armNames,
  blaming,
  measureInRounds,
  roundsOf,
  type Figures,
  type Measurement,
} from './measurement.ts'

export interface SamplesOptions<Name extends string, Metric extends string> {
  readonly title: string
  /** Each call measures once, in whatever way, and returns named numbers. */
  readonly arms: Readonly<Record<Name, () => Figures<Metric> | Promise<Figures<Metric>>>>
  /** How often each arm is called. Integer from 1. @default 5 */
  readonly rounds?: number | undefined
  /** Calls of each arm before the first round, not counted. Integer from 0. @default 1 */
  readonly warmupRounds?: number | undefined
  /** The figures that are better when higher, for instance `['rps']`. */
  readonly higherIsBetter?: readonly NoInfer<Metric>[] | undefined
}

const defaults = { rounds: 5, warmupRounds: 1 } as const

/** Figures that arms measure themselves, interleaved. */
export async function compareSamples<Name extends string, Metric extends string>(
  options: SamplesOptions<Name, Metric>,
): Promise<Measurement<Name, Metric>> {
  const { title, arms, higherIsBetter, warmupRounds = defaults.warmupRounds } = options
  const names = armNames(title, arms)
  const rounds = roundsOf(options.rounds ?? defaults.rounds)
  if (!Number.isSafeInteger(warmupRounds) || warmupRounds < 0) {
    throw new RangeError(`warmupRounds must be an integer from 0, got ${warmupRounds}`)
  }
  for (let round = 0; round < warmupRounds; round++) {
    for (const name of names) await blaming(title, name, arms[name])
  }
  return measureInRounds({
    title,
    arms: names,
    rounds,
    higherIsBetter,
    measure: async (name) => arms[name](),
  })
}
