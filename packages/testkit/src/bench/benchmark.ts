import { mkdir, writeFile } from 'node:fs/promises'
import { compareArms, type CompareOptions, type LoopMetric } from './compare.ts'
import { smokeRounds, type Measurement } from './measurement.ts'
import { compareProcesses, type ProcessesOptions } from './processes.ts'
import { formatReport, makeReport, type BenchmarkReport } from './report.ts'
import { compareSamples, type SamplesOptions } from './samples.ts'
import { judgeTimesBetter, judgeValue, type TimesBetter, type Value, type Verdict } from './thresholds.ts'

export interface BenchmarkOptions {
  /** The results' file name: small letters, digits and hyphens. */
  readonly name: string
  /** The folder of the bench: results go to `results/<name>.json` in it. */
  readonly folder: URL
}

/** Opens a suite of measurements with thresholds; `finish()` prints, stores and judges it. */
export function benchmark(options: BenchmarkOptions): Benchmark {
  if (!/^[a-z0-9-]+$/.test(options.name)) {
    throw new RangeError(`name must be of small letters, digits and hyphens, got ${options.name}`)
  }
  if (!options.folder.pathname.endsWith('/')) {
    throw new RangeError(`folder must end with a slash, got ${options.folder.href}`)
  }
  return new Benchmark(options)
}

/** Six digits are more than any of these figures deserves. */
function significant(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
}

export class Benchmark {
  readonly #options: BenchmarkOptions
  readonly #measurements: Measurement[] = []
  readonly #verdicts: Verdict[] = []

  constructor(options: BenchmarkOptions) {
    this.#options = options
  }

  /** Loops in this process: time, CPU time and heap bytes per operation. */
  async compare<Arm extends string>(options: CompareOptions<Arm>): Promise<Measurement<Arm, LoopMetric>> {
    return this.#keep(await compareArms(options))
  }

  /** A fresh process a sample: `wallMs`, `cpuMs`, `peakRssBytes`, `anonBytes` and figures of its own. */
  async processes<Arm extends string>(options: ProcessesOptions<Arm>): Promise<Measurement<Arm>> {
    return this.#keep(await compareProcesses(options))
  }

  /** Whatever the arms measure themselves. */
  async samples<Arm extends string, Metric extends string>(
    options: SamplesOptions<Arm, Metric>,
  ): Promise<Measurement<Arm, Metric>> {
    return this.#keep(await compareSamples(options))
  }

  /** Asks for at least that factor over another arm, or at least that value. */
  atLeast<Arm extends string, Metric extends string>(
    threshold: TimesBetter<Arm, Metric> | Value<Arm, Metric>,
  ): void {
    this.#verdicts.push('value' in threshold ? judgeValue('≥', threshold) : judgeTimesBetter(threshold))
  }

  /** Asks for at most that value. */
  atMost<Arm extends string, Metric extends string>(threshold: Value<Arm, Metric>): void {
    this.#verdicts.push(judgeValue('≤', threshold))
  }

  /**
   * Prints the figures and every threshold, stores them, and lets the process fail when one was missed. A run
   * shortened by `CODE_BENCH_ROUNDS` is judged but not stored.
   */
  async finish(): Promise<BenchmarkReport> {
    const { name, folder } = this.#options
    const report = makeReport(name, folder, this.#measurements, this.#verdicts)
    console.log(formatReport(report))
    if (smokeRounds() === undefined) {
      const results = new URL('results/', folder)
      await mkdir(results, { recursive: true })
      await writeFile(new URL(`${name}.json`, results), `${JSON.stringify(report, significant, 2)}\n`)
    }
    if (!report.passed) process.exitCode = 1
    return report
  }

  #keep<M extends Measurement>(measurement: M): M {
    this.#measurements.push(measurement)
    return measurement
  }
}
