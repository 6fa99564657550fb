import { checkFromZero, checkNumber } from './check.ts'
import type { CounterSeries, GaugeSeries, HistogramSeries } from './series.ts'
import { timed, Timer } from './timer.ts'

/** A metric with its labels fixed. Its first use makes the series and thereby decides the type. */
export class BoundMetric {
  readonly #source: SeriesSource
  #counter: CounterSeries | undefined
  #gauge: GaugeSeries | undefined
  #histogram: HistogramSeries | undefined

  constructor(source: SeriesSource) {
    this.#source = source
  }

  counter(n = 1): void {
    checkFromZero('increment of a counter', n)
    const series = (this.#counter ??= this.#source.counter())
    series?.add(n)
  }

  gauge(value: number): void {
    checkNumber('value of a gauge', value)
    const series = (this.#gauge ??= this.#source.gauge())
    series?.set(value)
  }

  histogram(value: number): void {
    checkFromZero('value of a histogram', value)
    const series = (this.#histogram ??= this.#source.histogram())
    series?.observe(value)
  }

  timer(): Disposable {
    const series = (this.#histogram ??= this.#source.histogram())
    return new Timer(series, this.#source.ticksPerMs())
  }

  time<T>(work: () => PromiseLike<T>): Promise<T>
  time<T>(work: () => T): T
  time(work: () => unknown): unknown {
    return timed(this.timer(), work)
  }
}

/** Where a bound metric gets its series from; undefined while the metric has no room for another. */
export interface SeriesSource {
  counter(): CounterSeries | undefined
  gauge(): GaugeSeries | undefined
  histogram(): HistogramSeries | undefined
  ticksPerMs(): number
}
