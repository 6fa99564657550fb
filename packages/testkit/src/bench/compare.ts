import { inspect, isDeepStrictEqual, types } from 'node:util'
import { TestkitError } from '../errors.ts'
import { allocatedBytes, collectGarbage } from './garbage.ts'
import { armNames, blaming, measureInRounds, roundsOf, type Measurement } from './measurement.ts'

/** One way to do the thing. The loop is the arm's own, so that arms share no call site. */
export interface Arm {
  /** Called once, before anything is measured. */
  readonly setup?: (() => unknown) | undefined
  /** Does the operation `iterations` times. A promise is awaited; return something that depends on the work. */
  readonly run: (iterations: number) => unknown
  /** Called once at the end, also after a failure. */
  readonly teardown?: (() => unknown) | undefined
}

export interface CompareOptions<Name extends string> {
  readonly title: string
  /** By name; the first is what the others are set against in the table. */
  readonly arms: Readonly<Record<Name, Arm>>
  /** How often each arm is measured. Integer from 1. @default 7 */
  readonly rounds?: number | undefined
  /** How long one measurement takes, in milliseconds. @default 150 */
  readonly roundMs?: number | undefined
  /** Whether heap bytes per operation are measured too, in a pass of their own. @default true */
  readonly bytes?: boolean | undefined
  /**
   * Compares what `run(10)` returns before anything is measured: `true` wants deep equality of all arms, a
   * function says for each whether it is right. @default not checked
   */
  readonly check?: true | ((result: unknown, arm: Name) => boolean) | undefined
}

export type LoopMetric = 'nsPerOp' | 'cpuNsPerOp' | 'bytesPerOp'

const defaults = { rounds: 7, roundMs: 150, bytes: true } as const
const checkIterations = 10

/** Time, CPU time (all threads) and allocated bytes per operation, arms interleaved. */
export async function compareArms<Name extends string>(
  options: CompareOptions<Name>,
): Promise<Measurement<Name, LoopMetric>> {
  const { title, arms, roundMs = defaults.roundMs } = options
  const names = armNames(title, arms)
  const rounds = roundsOf(options.rounds ?? defaults.rounds)
  if (!(roundMs > 0)) throw new RangeError(`roundMs must be a number above 0, got ${roundMs}`)
  const begun: Name[] = []
  try {
    for (const name of names) {
      begun.push(name)
      await blaming(title, name, () => arms[name].setup?.())
    }
    await checkResults(options, names)
    return await measureArms({ ...defaults, ...options, rounds, roundMs }, names)
  } finally {
    for (const name of begun) await blaming(title, name, () => arms[name].teardown?.())
  }
}

async function measureArms<Name extends string>(
  { title, arms, rounds, roundMs, bytes }: CompareOptions<Name> & { rounds: number; roundMs: number },
  names: readonly Name[],
): Promise<Measurement<Name, LoopMetric>> {
  // All arms run hot before the first is measured: one that is still the only one its callees have seen is
  // inlined as it never is in a service.
  const iterations = {} as Record<Name, number>
  for (let pass = 0; pass < 2; pass++) {
    for (const name of names) {
      iterations[name] = await blaming(title, name, () => calibrate(arms[name], roundMs))
    }
  }
  const times = await measureInRounds({
    title,
    arms: names,
    rounds,
    measure: (name) => timePerOp(arms[name], iterations[name]),
  })
  if (!bytes) return { ...times, higherIsBetter: [] } as Measurement<Name, LoopMetric>
  const figures = {} as Record<Name, Record<LoopMetric, readonly number[]>>
  for (const name of names) {
    const samples = bytes ? rounds : 0
    const bytesPerOp = await blaming(title, name, () =>
      bytesPerOperation(arms[name], iterations[name], samples),
    )
    figures[name] = { ...times.arms[name], bytesPerOp }
  }
  return { ...times, higherIsBetter: [], arms: figures }
}

/** How many iterations take about that long. Runs longer than that, so it warms the arm up as well. */
async function calibrate(arm: Arm, forMs: number): Promise<number> {
  const wanted = forMs * 1e6
  for (let iterations = 1; iterations < 1e10;) {
    let { ns } = await timed(arm, iterations)
    // Once more, since a run that lost its core for a while looks like a slow one.
    if (ns >= wanted / 2) ns = Math.min(ns, (await timed(arm, iterations)).ns)
    if (ns >= wanted / 2) return Math.max(1, Math.round((iterations * wanted) / ns))
    iterations = Math.ceil(iterations * Math.min(10, Math.max(2, wanted / ns)))
  }
  throw new Error('run must do the operation `iterations` times: 10 billion took no time')
}

async function timePerOp(arm: Arm, iterations: number): Promise<Record<'nsPerOp' | 'cpuNsPerOp', number>> {
  await freshStart(arm, iterations)
  const { ns, cpuNs } = await timed(arm, iterations)
  return { nsPerOp: ns / iterations, cpuNsPerOp: cpuNs / iterations }
}

async function bytesPerOperation(arm: Arm, iterations: number, samples: number): Promise<number[]> {
  let count = iterations
  for (; count > 1; count = Math.ceil(count / 4)) {
    await freshStart(arm, count)
    if ((await allocatedBytes(() => arm.run(count))).collections === 0) break
  }
  const empty: number[] = []
  for (let i = 0; i < 5; i++) empty.push((await allocatedBytes(() => undefined)).bytes)
  const itself = Math.min(...empty)
  const bytes: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    await freshStart(arm, count)
    const measured = await allocatedBytes(() => arm.run(count))
    bytes.push(Math.max(0, measured.bytes - itself) / count)
  }
  return bytes
}

/** No arm pays for the garbage of another; what the collection deoptimised is hot again. */
async function freshStart(arm: Arm, iterations: number): Promise<void> {
  collectGarbage()
  await arm.run(Math.ceil(iterations / 10))
}

async function timed(arm: Arm, iterations: number): Promise<{ ns: number; cpuNs: number }> {
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  const pending = arm.run(iterations)
  if (types.isPromise(pending)) await pending
  const ns = Number(process.hrtime.bigint() - before)
  const { user, system } = process.cpuUsage(cpuBefore)
  return { ns, cpuNs: (user + system) * 1_000 }
}

async function checkResults<Name extends string>(
  options: CompareOptions<Name>,
  names: readonly Name[],
): Promise<void> {
  const { title, arms, check } = options
  if (check === undefined) return
  const results = new Map<Name, unknown>()
  for (const name of names) {
    results.set(name, await blaming(title, name, () => arms[name].run(checkIterations)))
  }
  const first = names[0]!
  for (const [name, result] of results) {
    if (check === true ? isDeepStrictEqual(result, results.get(first)) : check(result, name)) continue
    const expected = check === true ? `, "${first}" gave ${inspect(results.get(first))}` : ''
    const message = `arm "${name}" of "${title}" gave ${inspect(result)}${expected}`
    throw new TestkitError('BENCH_RESULTS_DIFFER', message)
  }
}
