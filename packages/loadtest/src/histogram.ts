import { describe } from './check.ts'

/** A histogram as plain data, for JSON and for other threads and machines; `Histogram.from` reads it back. */
export interface HistogramData {
  readonly version: 1
  /** Bucket number and count by turns, in rising order, for the buckets that hold anything. */
  readonly buckets: readonly number[]
  readonly sumMs: number
  /** The shortest time recorded, in milliseconds; 0 when there is none. */
  readonly minMs: number
  /** The longest time recorded, in milliseconds; 0 when there is none. */
  readonly maxMs: number
}

/**
 * Counts times so that any quantile can be asked afterwards, in 26 KiB however many there are.
 *
 * Log-linear: 128 buckets an octave at a resolution of one microsecond, so that a quantile is at most 0.4 %
 * (or half a microsecond) off; the mean, the shortest and the longest time are exact. Times beyond 71 minutes
 * share the last bucket.
 */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount)
  #count = 0
  #sumMs = 0
  #minMs = Infinity
  #maxMs = 0

  /** Reads back what `toJSON` wrote. @throws {TypeError} when the data is not that. */
  static from(data: HistogramData): Histogram {
    if (data.version !== 1) throw new TypeError(`histogram version must be 1, got ${describe(data.version)}`)
    const histogram = new Histogram()
    for (let i = 0; i < data.buckets.length; i += 2) {
      const bucket = data.buckets[i]!
      const count = data.buckets[i + 1]
      if (!(bucket in histogram.#counts) || !Number.isSafeInteger(count) || count! < 0) {
        throw new TypeError(`a histogram has no bucket ${bucket} with count ${String(count)}`)
      }
      histogram.#counts[bucket]! += count!
      histogram.#count += count!
    }
    if (histogram.#count > 0) {
      histogram.#sumMs = data.sumMs
      histogram.#minMs = data.minMs
      histogram.#maxMs = data.maxMs
    }
    return histogram
  }

  /** How many times were recorded. */
  get count(): number {
    return this.#count
  }

  /** The mean, `NaN` while nothing is recorded. */
  get meanMs(): number {
    return this.#sumMs / this.#count
  }

  /** The shortest time, `NaN` while nothing is recorded. */
  get minMs(): number {
    return this.#count === 0 ? NaN : this.#minMs
  }

  /** The longest time, `NaN` while nothing is recorded. */
  get maxMs(): number {
    return this.#count === 0 ? NaN : this.#maxMs
  }

  /** Counts one time in milliseconds. @throws {RangeError} when it is negative or not finite. */
  record(ms: number): void {
    if (!(ms >= 0 && ms < Infinity))
      throw new RangeError(`ms must be a finite number from 0, got ${describe(ms)}`)
    this.#counts[bucketOf(ms)]!++
    this.#count++
    this.#sumMs += ms
    if (ms < this.#minMs) this.#minMs = ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /** The time that the share `q` of all times does not exceed, `NaN` while nothing is recorded. */
  quantile(q: number): number {
    if (!(q >= 0 && q <= 1)) throw new RangeError(`q must be a number from 0 to 1, got ${describe(q)}`)
    if (this.#count === 0) return NaN
    const rank = Math.ceil(q * this.#count)
    if (rank <= 1) return this.#minMs
    if (rank >= this.#count) return this.#maxMs
    let bucket = 0
    for (let seen = this.#counts[0]!; seen < rank; seen += this.#counts[bucket]!) bucket++
    return Math.min(Math.max(middleOf(bucket), this.#minMs), this.#maxMs)
  }

  /** Adds everything that another histogram holds. */
  merge(other: Histogram): void {
    for (let i = 0; i < bucketCount; i++) this.#counts[i]! += other.#counts[i]!
    this.#count += other.#count
    this.#sumMs += other.#sumMs
    this.#minMs = Math.min(this.#minMs, other.#minMs)
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  toJSON(): HistogramData {
    const buckets: number[] = []
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) buckets.push(bucket, count)
    return {
      version: 1,
      buckets,
      sumMs: this.#sumMs,
      minMs: this.#count === 0 ? 0 : this.#minMs,
      maxMs: this.#maxMs,
    }
  }
}

// Up to 255 µs a bucket holds one value; from there on 128 buckets hold each doubling, up to 2^32 - 1 µs.
const longestUs = 2 ** 32 - 1
const bucketCount = 26 * 128

function bucketOf(ms: number): number {
  const us = Math.min(Math.round(ms * 1000), longestUs)
  const shift = Math.max(24 - Math.clz32(us), 0)
  return shift * 128 + (us >>> shift)
}

function middleOf(bucket: number): number {
  const shift = Math.max((bucket >> 7) - 1, 0)
  const first = (bucket - shift * 128) * 2 ** shift
  return (first + (2 ** shift - 1) / 2) / 1000
}
