import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Measurement } from './measurement.ts'
import { ratios, summarize, type Summary } from './statistics.ts'
import type { Verdict } from './thresholds.ts'

/** What a run leaves in `results/<name>.json`. */
export interface BenchmarkReport {
  readonly name: string
  readonly passed: boolean
  readonly at: string
  readonly commit?: string | undefined
  readonly machine: Machine
  readonly measurements: readonly MeasurementReport[]
  readonly thresholds: readonly Verdict[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  readonly v8: string
}

export interface MeasurementReport {
  readonly title: string
  readonly higherIsBetter: readonly string[]
  readonly arms: Readonly<Record<string, Readonly<Record<string, FigureReport>>>>
}

export interface FigureReport extends Summary {
  readonly samples: readonly number[]
  /** Of this arm's figure to the first arm's, round by round. */
  readonly ratioToFirst: Summary
}

export function makeReport(
  name: string,
  folder: URL,
  measurements: readonly Measurement[],
  thresholds: readonly Verdict[],
): BenchmarkReport {
  return {
    name,
    passed: thresholds.every(({ passed }) => passed),
    at: new Date().toISOString(),
    commit: commitOf(folder),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.versions.node,
      v8: process.versions.v8,
    },
    measurements: measurements.map(summarizeMeasurement),
    thresholds,
  }
}

/** For people: every median with its interval and its ratio to the first arm, then the verdicts. */
export function formatReport({
  name,
  at,
  commit,
  machine,
  measurements,
  thresholds,
}: BenchmarkReport): string {
  const { cpu, cores, platform, node } = machine
  return [
    `# ${name}`,
    `Node ${node}, ${cores} cores of ${cpu}, ${platform}, ${at}, commit ${commit ?? 'unknown'}`,
    ...measurements.flatMap(measurementLines),
    ...(thresholds.length === 0 ? [] : ['', 'thresholds']),
    ...thresholds.map(verdictLine),
  ].join('\n')
}

function summarizeMeasurement({ title, higherIsBetter, arms }: Measurement): MeasurementReport {
  const first = Object.values(arms)[0] ?? {}
  const reports = Object.entries(arms).map(([arm, metrics]) => [
    arm,
    Object.fromEntries(
      Object.entries(metrics).map(([metric, samples]) => {
        const ratioToFirst = summarize(ratios(samples, first[metric] ?? samples))
        return [metric, { ...summarize(samples), samples, ratioToFirst } satisfies FigureReport]
      }),
    ),
  ])
  return { title, higherIsBetter, arms: Object.fromEntries(reports) as MeasurementReport['arms'] }
}

function measurementLines({ title, arms, higherIsBetter }: MeasurementReport): string[] {
  const metrics = [...new Set(Object.values(arms).flatMap((figures) => Object.keys(figures)))]
  const lines: [metric: string, arm: string, median: string, interval: string, ratio: string][] = []
  for (const metric of metrics) {
    for (const [arm, figures] of Object.entries(arms)) {
      const figure = figures[metric]
      if (figure === undefined) continue
      lines.push([
        higherIsBetter.includes(metric) ? `${metric} (higher is better)` : metric,
        arm,
        formatFigure(metric, figure.median),
        `${formatFigure(metric, figure.low)} … ${formatFigure(metric, figure.high)}`,
        `${formatNumber(figure.ratioToFirst.median)}x`,
      ])
    }
  }
  const rounds = Object.values(Object.values(arms)[0] ?? {})[0]
  return [
    '',
    `${title} (medians of ${rounds?.samples.length ?? 0}, ${percent(rounds?.confidence)} interval, ratio to the first arm)`,
    ...table(lines),
  ]
}

function verdictLine({ threshold, claim, measured, passed }: Verdict): string {
  const { median, low, high } = measured
  const figures = `${formatNumber(median)} (${formatNumber(low)} … ${formatNumber(high)})`
  const claimed = claim === undefined ? '' : `; claim: ${claim}`
  return `  ${passed ? 'passed' : 'MISSED'}  ${threshold}: ${figures}${claimed}`
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? []
  return rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const repeated = column === 0 && rows[index - 1]?.[0] === cell
      return column < 2 ? (repeated ? '' : cell).padEnd(widths[column]!) : cell.padStart(widths[column]!)
    })
    return `  ${cells.join('  ')}`
  })
}

function formatFigure(metric: string, value: number): string {
  return metric.endsWith('Bytes') ? `${formatNumber(value / 2 ** 20)} MiB` : formatNumber(value)
}

function formatNumber(value: number): string {
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { maximumFractionDigits: decimals, minimumFractionDigits: decimals })
}

function percent(share: number | undefined): string {
  return share === undefined ? 'no' : `${Math.round(share * 100)} %`
}

function commitOf(folder: URL): string | undefined {
  try {
    const git = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: folder, stdio: 'pipe' })
    return git.toString().trim()
  } catch {
    return undefined
  }
}
