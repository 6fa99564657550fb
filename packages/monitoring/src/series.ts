import { Quantiles } from './quantiles.ts'

export type ExpositionFormat = 'prometheus' | 'openmetrics'

/** What tells one series from the others of its metric, and how that is printed. */
export interface SeriesId {
  readonly labels: Readonly<Record<string, string>>
  readonly text: string
}

export interface SeriesSnapshot {
  readonly labels: Readonly<Record<string, string>>
  /** Of a counter or a gauge. */
  readonly value?: number
  /** Of a histogram: how many values there were, in all buckets and above the last. */
  readonly count?: number
  readonly sum?: number
  /** Cumulative: how many values were `le` or less. */
  readonly buckets?: readonly { readonly le: number; readonly count: number }[]
  /** To within 0.8 %; none before the first value. */
  readonly quantiles?: { readonly p50: number; readonly p95: number; readonly p99: number }
}

export interface Series {
  write(name: string, format: ExpositionFormat): string
  snapshot(): SeriesSnapshot
  reset(): void
}

export class CounterSeries implements Series {
  readonly #id: SeriesId
  #value = 0
  /** What no longer fits beside a step of 1 in a double; such counters are printed as integers. */
  #carried = 0n

  constructor(id: SeriesId) {
    this.#id = id
  }

  add(n: number): void {
    const sum = this.#value + n
    if (sum < carryAt) this.#value = sum
    else this.#carry(n)
  }

  #carry(n: number): void {
    this.#carried += BigInt(Math.trunc(this.#value)) + BigInt(Math.trunc(n))
    this.#value = (this.#value % 1) + (n % 1)
  }

  write(name: string): string {
    const value = this.#carried === 0n ? this.#value : this.#carried + BigInt(Math.trunc(this.#value))
    return `${name}_total${braced(this.#id.text)} ${value}\n`
  }

  snapshot(): SeriesSnapshot {
    return { labels: this.#id.labels, value: Number(this.#carried) + this.#value }
  }

  reset(): void {
    this.#value = 0
    this.#carried = 0n
  }
}

export class GaugeSeries implements Series {
  readonly #id: SeriesId
  #value = 0

  constructor(id: SeriesId) {
    this.#id = id
  }

  set(value: number): void {
    this.#value = value
  }

  write(name: string): string {
    return `${name}${braced(this.#id.text)} ${numberText(this.#value)}\n`
  }

  snapshot(): SeriesSnapshot {
    return { labels: this.#id.labels, value: this.#value }
  }

  reset(): void {
    this.#value = 0
  }
}

export class HistogramSeries implements Series {
  readonly #id: SeriesId
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  readonly #quantiles = new Quantiles()
  #sum = 0

  constructor(id: SeriesId, bounds: readonly number[]) {
    this.#id = id
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (bounds[middle]! < value) low = middle + 1
      else high = middle
    }
    this.#counts[low]!++
    this.#sum += value
    this.#quantiles.record(value)
  }

  write(name: string, format: ExpositionFormat): string {
    const labels = this.#id.text
    const before = `${name}_bucket{${labels}${labels === '' ? '' : ','}le="`
    let text = ''
    let count = 0
    for (const [index, bound] of this.#bounds.entries()) {
      count += this.#counts[index]!
      text += `${before}${boundText(bound, format)}"} ${count}\n`
    }
    count += this.#counts[this.#bounds.length]!
    const id = braced(labels)
    text += `${before}+Inf"} ${count}\n${name}_sum${id} ${numberText(this.#sum)}\n`
    return `${text}${name}_count${id} ${count}\n`
  }

  snapshot(): SeriesSnapshot {
    let count = 0
    const buckets = this.#bounds.map((le, index) => ({ le, count: (count += this.#counts[index]!) }))
    count += this.#counts[this.#bounds.length]!
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => this.#quantiles.at(share))
    const quantiles = p50 !== undefined && { quantiles: { p50, p95: p95!, p99: p99! } }
    return { labels: this.#id.labels, count, sum: this.#sum, buckets, ...quantiles }
  }

  reset(): void {
    this.#counts.fill(0)
    this.#quantiles.reset()
    this.#sum = 0
  }
}

/** Fractions are still exact to 1/32 here. */
const carryAt = 2 ** 48

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** OpenMetrics 1.0 ("Considerations: Canonical Numbers") writes `le="1.0"`, the text format `le="1"`. */
function boundText(bound: number, format: ExpositionFormat): string {
  return format === 'openmetrics' && Number.isInteger(bound) && bound < 1e21 ? `${bound}.0` : String(bound)
}
