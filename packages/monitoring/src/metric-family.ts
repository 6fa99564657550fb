import { LabelPaths } from './label-paths.ts'
import { labelText, type Labels } from './labels.ts'
import type { ExpositionFormat, Series, SeriesId } from './series.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricDescription {
  /** What the figure tells, in a sentence. */
  readonly help: string
  /** Singular of what is counted or plural of a base unit: `seconds`, `bytes`, `ratio`. @default none */
  readonly unit?: string | undefined
  /** Upper bounds of a histogram's buckets, ascending. @default 5 ms to 10 s */
  readonly buckets?: readonly number[] | undefined
}

export interface FamilyOptions<S> {
  readonly name: string
  readonly type: MetricType
  readonly maxSeries: number
  readonly make: (id: SeriesId) => S
}

/** All series of one metric, found by their labels without allocation. */
export class MetricFamily<S extends Series> {
  readonly name: string
  readonly type: MetricType
  description: MetricDescription | undefined
  readonly #maxSeries: number
  readonly #make: (id: SeriesId) => S
  readonly #series = new Map<string, S>()
  readonly #paths: LabelPaths<S>[] = []
  #unlabelled: S | undefined

  constructor({ name, type, maxSeries, make }: FamilyOptions<S>) {
    this.name = name
    this.type = type
    this.#maxSeries = maxSeries
    this.#make = make
  }

  /** The series of these labels, made when new; undefined when that would be one too many. */
  at(labels: Labels | undefined): S | undefined {
    if (labels === undefined) return (this.#unlabelled ??= this.#findOrMake({}))
    const paths = this.#paths
    for (let order = 0; order < paths.length; order++) {
      const series = paths[order]!.find(labels)
      if (series !== undefined) return series
    }
    return this.#findOrMake(labels)
  }

  series(): Iterable<S> {
    return this.#series.values()
  }

  /** The lines above the samples; none while there is nothing to head. */
  header(format: ExpositionFormat): string {
    if (this.#series.size === 0) return ''
    const { help, unit } = this.description ?? {}
    const name =
      format === 'prometheus' && this.type === 'counter' ? `${this.sampleName}_total` : this.sampleName
    let text = `# TYPE ${name} ${this.type}\n`
    // OpenMetrics allows a unit only where the name ends with it.
    if (format === 'openmetrics' && unit !== undefined && name.endsWith(`_${unit}`)) {
      text += `# UNIT ${name} ${unit}\n`
    }
    if (help !== undefined) text += `# HELP ${name} ${escapedHelp(help, format)}\n`
    return text
  }

  /** Without the suffix that every counter's samples get, in both formats alike. */
  get sampleName(): string {
    return this.type === 'counter' ? this.name.replace(/_total$/, '') : this.name
  }

  /** The names that its samples and its header use, none of which another metric may have. */
  get printedNames(): readonly string[] {
    return printedSuffixes[this.type].map((suffix) => this.sampleName + suffix)
  }

  #findOrMake(labels: Labels): S | undefined {
    const text = labelText(labels)
    let series = this.#series.get(text)
    if (series === undefined) {
      if (this.#series.size >= this.#maxSeries) return undefined
      series = this.#make({ labels: asStrings(labels), text })
      this.#series.set(text, series)
    }
    this.#remember(labels, series)
    return series
  }

  #remember(labels: Labels, series: S): void {
    const names = Object.keys(labels)
    let paths = this.#paths.find((known) => known.isFor(names))
    if (paths === undefined) {
      if (this.#paths.length >= maxOrders) return
      paths = new LabelPaths(names, 2 * this.#maxSeries)
      this.#paths.push(paths)
    }
    paths.add(labels, series)
  }
}

const printedSuffixes = {
  counter: ['', '_total'],
  gauge: [''],
  histogram: ['', '_bucket', '_sum', '_count'],
} as const

/** Orders of label names that callers may use before further ones take the slow path. */
const maxOrders = 4

function asStrings(labels: Labels): SeriesId['labels'] {
  return Object.freeze(
    Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value).toWellFormed()])),
  )
}

function escapedHelp(help: string, format: ExpositionFormat): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped
}
