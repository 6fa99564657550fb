import { BoundMetric } from './bound-metric.ts'
import { checkFromZero, checkInteger, checkNumber, describe } from './check.ts'
import { exposition } from './exposition.ts'
import { labelText, type Labels } from './labels.ts'
import { MetricFamily, type MetricDescription, type MetricType } from './metric-family.ts'
import {
  CounterSeries,
  GaugeSeries,
  HistogramSeries,
  type ExpositionFormat,
  type Series,
  type SeriesId,
  type SeriesSnapshot,
} from './series.ts'
import { timed, Timer } from './timer.ts'

export interface MetricsCollectorOptions {
  /**
   * Most label combinations of one metric; updates beyond are dropped and counted. Integer from 1.
   * @default 2_000
   */
  readonly maxSeriesPerMetric?: number | undefined
  /** Most metrics; one more is a `RangeError`. Integer from 1. @default 1_000 */
  readonly maxMetrics?: number | undefined
}

const defaults = { maxSeriesPerMetric: 2_000, maxMetrics: 1_000 } as const

export interface ScrapeOptions {
  /** Prometheus text 0.0.4 or OpenMetrics 1.0. @default 'prometheus' */
  readonly format?: ExpositionFormat | undefined
  /** Further collectors; a metric whose name is already taken is left out. @default none */
  readonly also?: readonly MetricsCollector[] | undefined
}

/** One series at one moment. */
export interface MetricSnapshot extends SeriesSnapshot {
  readonly name: string
  readonly type: MetricType
  readonly unit?: string
}

/** The collector of this process, for whoever has none of their own. */
export function getMetricsCollector(): MetricsCollector {
  return (ofThisProcess ??= new MetricsCollector())
}

let ofThisProcess: MetricsCollector | undefined

/**
 * Counts and times what happens, cheaply enough for hot paths, and prints it for Prometheus.
 *
 * Every update throws `TypeError` for a bad metric or label name and for a name in use as another type, and
 * `RangeError` for a number that the type does not take.
 */
export class MetricsCollector {
  readonly #maxSeriesPerMetric: number
  readonly #maxMetrics: number
  readonly #families: MetricFamily<Series>[] = []
  readonly #counters = new Map<string, MetricFamily<CounterSeries>>()
  readonly #gauges = new Map<string, MetricFamily<GaugeSeries>>()
  readonly #histograms = new Map<string, MetricFamily<HistogramSeries>>()
  readonly #descriptions = new Map<string, MetricDescription>()
  /** Every printed name, with the metric it belongs to. */
  readonly #claims = new Map<string, MetricFamily<Series>>()
  readonly #dropped: MetricFamily<CounterSeries>

  constructor(options: MetricsCollectorOptions = {}) {
    this.#maxSeriesPerMetric = options.maxSeriesPerMetric ?? defaults.maxSeriesPerMetric
    this.#maxMetrics = options.maxMetrics ?? defaults.maxMetrics
    checkInteger('maxSeriesPerMetric', this.#maxSeriesPerMetric, 1)
    checkInteger('maxMetrics', this.#maxMetrics, 1)
    const name = 'code_monitoring_dropped_updates'
    this.describe(name, { help: 'Updates of metrics that had no room for another label combination.' })
    this.#dropped = this.#makeFamily(name, 'counter', makeCounter, this.#maxMetrics + 1)
    this.#counters.set(name, this.#dropped)
  }

  /** Says what a metric is. Unit and buckets of a histogram can't change once it has a value. */
  describe(name: string, description: MetricDescription): void {
    const { help, unit, buckets } = description
    checkMetricName(name)
    if (typeof help !== 'string')
      throw new TypeError(`help of ${name} must be a string, got ${describe(help)}`)
    if (unit !== undefined && !/^[a-z][a-z_]*$/.test(unit)) {
      throw new TypeError(`unit of ${name} must be of small letters and underscores, got ${describe(unit)}`)
    }
    if (buckets !== undefined) checkBuckets(name, buckets)
    const family = this.#histograms.get(name) ?? this.#counters.get(name) ?? this.#gauges.get(name)
    if (family?.type === 'histogram' && !sameScale(description, family.description)) {
      throw new TypeError(`unit and buckets of ${name} are fixed since its first value: describe it before`)
    }
    if (!this.#descriptions.has(name)) this.#checkRoom(this.#descriptions.size, name)
    const kept = { ...description, ...(buckets && { buckets: [...buckets] }) }
    this.#descriptions.set(name, kept)
    if (family !== undefined) family.description = kept
  }

  /** Adds to what only grows. Printed as `<name>_total`. */
  counter(name: string, n = 1, labels?: Labels): void {
    checkFromZero('increment of a counter', n)
    this.#counterAt(name, labels)?.add(n)
  }

  /** Sets what goes up and down. */
  gauge(name: string, value: number, labels?: Labels): void {
    checkNumber('value of a gauge', value)
    this.#gaugeAt(name, labels)?.set(value)
  }

  /** Records a value of which the distribution matters: a finite number from 0. */
  histogram(name: string, value: number, labels?: Labels): void {
    checkFromZero('value of a histogram', value)
    this.#histogramAt(name, labels)?.observe(value)
  }

  /**
   * Records in a histogram how long it takes until the timer is disposed of: in seconds, or in milliseconds
   * when the metric is described so.
   */
  timer(name: string, labels?: Labels): Disposable {
    return new Timer(this.#histogramAt(name, labels), this.#ticksPerMs(name))
  }

  /** Times a call, also one that fails, until its promise is settled when it returns one. */
  time<T>(name: string, work: () => PromiseLike<T>, labels?: Labels): Promise<T>
  time<T>(name: string, work: () => T, labels?: Labels): T
  time(name: string, work: () => unknown, labels?: Labels): unknown {
    return timed(this.timer(name, labels), work)
  }

  /** The metric with its labels fixed and looked up once: for the hottest paths. */
  bind(name: string, labels: Labels = {}): BoundMetric {
    checkMetricName(name)
    labelText(labels)
    const fixed = { ...labels }
    return new BoundMetric({
      counter: () => this.#counterAt(name, fixed),
      gauge: () => this.#gaugeAt(name, fixed),
      histogram: () => this.#histogramAt(name, fixed),
      ticksPerMs: () => this.#ticksPerMs(name),
    })
  }

  /** Everything as text, in pieces between which the event loop turns. */
  scrape(options: ScrapeOptions = {}): AsyncIterable<string> {
    const { format = 'prometheus', also = [] } = options
    if (format !== 'prometheus' && format !== 'openmetrics') {
      throw new TypeError(`format must be 'prometheus' or 'openmetrics', got ${describe(format)}`)
    }
    return exposition(this.#familiesWith(also), format)
  }

  /** Everything at this moment. */
  snapshot(): readonly MetricSnapshot[] {
    return this.#families.flatMap((family) => {
      const { name, type, description } = family
      const unit = description?.unit
      return Array.from(family.series(), (series) =>
        Object.freeze({ name, type, ...(unit !== undefined && { unit }), ...series.snapshot() }),
      )
    })
  }

  /** Sets every series back to zero. They stay, and so do bound metrics. */
  reset(): void {
    for (const family of this.#families) for (const series of family.series()) series.reset()
  }

  #counterAt(name: string, labels: Labels | undefined): CounterSeries | undefined {
    const family = this.#counters.get(name) ?? this.#newFamily(this.#counters, name, 'counter', makeCounter)
    return family.at(labels) ?? this.#drop(name)
  }

  #gaugeAt(name: string, labels: Labels | undefined): GaugeSeries | undefined {
    const family = this.#gauges.get(name) ?? this.#newFamily(this.#gauges, name, 'gauge', makeGauge)
    return family.at(labels) ?? this.#drop(name)
  }

  #histogramAt(name: string, labels: Labels | undefined): HistogramSeries | undefined {
    const family = this.#histograms.get(name) ?? this.#newHistogram(name)
    return family.at(labels) ?? this.#drop(name)
  }

  #newHistogram(name: string): MetricFamily<HistogramSeries> {
    const { unit, buckets } = this.#descriptions.get(name) ?? {}
    const bounds =
      buckets ?? defaultBuckets.map((seconds) => (unit === 'milliseconds' ? seconds * 1000 : seconds))
    return this.#newFamily(this.#histograms, name, 'histogram', (id) => new HistogramSeries(id, bounds))
  }

  #newFamily<S extends Series>(
    families: Map<string, MetricFamily<S>>,
    name: string,
    type: MetricType,
    make: (id: SeriesId) => S,
  ): MetricFamily<S> {
    const family = this.#makeFamily(name, type, make, this.#maxSeriesPerMetric)
    families.set(name, family)
    return family
  }

  #makeFamily<S extends Series>(
    name: string,
    type: MetricType,
    make: (id: SeriesId) => S,
    maxSeries: number,
  ): MetricFamily<S> {
    checkMetricName(name)
    this.#checkRoom(this.#families.length, name)
    const family = new MetricFamily<S>({ name, type, make, maxSeries })
    for (const printed of family.printedNames) {
      const owner = this.#claims.get(printed)
      if (owner === undefined) continue
      throw new TypeError(`${name} can't be a ${type}: ${printed} belongs to the ${owner.type} ${owner.name}`)
    }
    for (const printed of family.printedNames) this.#claims.set(printed, family)
    family.description = this.#descriptions.get(name)
    this.#families.push(family)
    return family
  }

  /** The collector's own metric is not counted. */
  #checkRoom(count: number, name: string): void {
    if (count <= this.#maxMetrics) return
    throw new RangeError(
      `no room for ${name} beside ${this.#maxMetrics} metrics: values belong in labels, not names`,
    )
  }

  #drop(name: string): undefined {
    this.#dropped.at({ metric: name })?.add(1)
  }

  #ticksPerMs(name: string): number {
    const unit = this.#descriptions.get(name)?.unit ?? 'seconds'
    if (unit === 'seconds') return 0.001
    if (unit === 'milliseconds') return 1
    throw new TypeError(`a timer needs a metric in seconds or milliseconds, ${name} is in ${unit}`)
  }

  *#familiesWith(others: readonly MetricsCollector[]): Iterable<MetricFamily<Series>> {
    yield* this.#families
    for (const [index, other] of others.entries()) {
      const before = [this, ...others.slice(0, index)]
      for (const family of other.#families) {
        const taken = before.some((collector) =>
          family.printedNames.some((name) => collector.#claims.has(name)),
        )
        if (!taken) yield family
      }
    }
  }
}

/** OTel's advice for durations in seconds (semantic conventions, http.server.request.duration). */
const defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const makeCounter = (id: SeriesId): CounterSeries => new CounterSeries(id)
const makeGauge = (id: SeriesId): GaugeSeries => new GaugeSeries(id)

function checkMetricName(name: string): void {
  if (typeof name === 'string' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) && name !== '_total') return
  throw new TypeError(
    'a metric name must be of letters, digits, underscores and colons and not begin with a digit, ' +
      `got ${describe(name)}`,
  )
}

function checkBuckets(name: string, buckets: readonly number[]): void {
  const ascending = buckets.every(
    (bound, i) => Number.isFinite(bound) && (i === 0 || bound > buckets[i - 1]!),
  )
  if (buckets.length > 0 && ascending) return
  throw new RangeError(`buckets of ${name} must be ascending finite numbers, got ${describe(buckets)}`)
}

function sameScale(one: MetricDescription, other: MetricDescription | undefined): boolean {
  return one.unit === other?.unit && String(one.buckets) === String(other?.buckets)
}
