export interface Summary {
  readonly median: number
  /** The interval that holds the true median with `confidence`. */
  readonly low: number
  readonly high: number
  readonly confidence: number
}

/** Median with its interval, of at least one number. */
export function summarize(values: readonly number[]): Summary {
  return { median: median(values), ...medianInterval(values) }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Interpolates linearly between the neighbours (type 7 of Hyndman and Fan 1996, the default of R and NumPy). */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('a quantile needs at least one value, got none')
  if (!(q >= 0 && q <= 1)) throw new RangeError(`q must be a number from 0 to 1, got ${q}`)
  const sorted = values.toSorted((a, b) => a - b)
  const position = q * (sorted.length - 1)
  const below = sorted[Math.floor(position)]!
  const above = sorted[Math.ceil(position)]!
  // Equal neighbours are returned as they are: two infinities have no distance.
  return below === above ? below : below + (position - Math.floor(position)) * (above - below)
}

/**
 * The narrowest pair of order statistics around the median that holds it with the asked confidence, whatever
 * the distribution (the sign test inverted; Conover, Practical Nonparametric Statistics, 3.2). Few values
 * cannot give much: then it is their whole range, with the confidence that range has (5 values: 0.94).
 */
export function medianInterval(
  values: readonly number[],
  confidence = 0.95,
): { low: number; high: number; confidence: number } {
  if (values.length === 0) throw new RangeError('an interval needs at least one value, got none')
  const sorted = values.toSorted((a, b) => a - b)
  const n = sorted.length
  // How probable it is that the true median lies outside, when `cut` values are cut off at each end.
  let outside = 2 * 0.5 ** n
  let cut = 0
  let term = outside
  while (cut + 1 < n / 2) {
    term *= (n - cut) / (cut + 1)
    if (outside + term > 1 - confidence) break
    outside += term
    cut++
  }
  return { low: sorted[cut]!, high: sorted[n - 1 - cut]!, confidence: 1 - outside }
}

/** `above[i] / below[i]`, round by round: what the rounds have in common cancels out. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  if (above.length !== below.length) {
    throw new RangeError(`both sides must have as many rounds, got ${above.length} and ${below.length}`)
  }
  // Nothing against nothing is a tie (two arms that allocate nothing).
  return above.map((value, i) => (value === below[i] ? 1 : value / below[i]!))
}
