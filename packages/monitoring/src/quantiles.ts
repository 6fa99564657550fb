import { endianness } from 'node:os'

/**
 * Remembers how values are distributed, to within 0.8 % of each: 64 equal cells in every octave, an octave's
 * cells made at its first value (log-linear buckets as in HdrHistogram). Recording allocates nothing else.
 */
export class Quantiles {
  #octaves: (Float64Array | undefined)[] = Array.from({ length: octaves })
  #count = 0
  #min = Infinity
  #max = 0

  /** Takes a finite number from 0. Below 2 ** -30 and from 2 ** 40 on, no more than that is remembered. */
  record(value: number): void {
    float[0] = value
    const top = words[topWord]!
    const octave = Math.min(octaves - 1, Math.max(0, (top >>> 20) - lowestExponent))
    const cells = this.#octaves[octave] ?? this.#grow(octave)
    cells[(top >>> 14) & 63]!++
    this.#count++
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  /** The value that a share of all values does not exceed; undefined before the first. */
  at(share: number): number | undefined {
    if (this.#count === 0) return undefined
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (const [octave, cells] of this.#octaves.entries()) {
      if (cells === undefined) continue
      for (const [cell, count] of cells.entries()) {
        left -= count
        if (left > 0) continue
        const middle = 2 ** (octave + lowestExponent - 1023) * (1 + (cell + 0.5) / cellsPerOctave)
        return Math.min(this.#max, Math.max(this.#min, middle))
      }
    }
    return this.#max
  }

  reset(): void {
    this.#octaves = Array.from({ length: octaves })
    this.#count = 0
    this.#min = Infinity
    this.#max = 0
  }

  #grow(octave: number): Float64Array {
    return (this.#octaves[octave] = new Float64Array(cellsPerOctave))
  }
}

const cellsPerOctave = 64
const octaves = 70
/** Of IEEE 754's biased exponents, the one of 2 ** -30. */
const lowestExponent = 1023 - 30

// Exponent and leading digits of a number are the upper word of its bits: no logarithm needed.
const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)
const topWord = endianness() === 'LE' ? 1 : 0
