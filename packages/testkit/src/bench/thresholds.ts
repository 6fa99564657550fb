import type { Measurement } from './measurement.ts'
import { ratios, summarize, type Summary } from './statistics.ts'

interface OfArm<Arm extends string, Metric extends string> {
  readonly in: Measurement<Arm, Metric>
  readonly metric: NoInfer<Metric>
  readonly arm: NoInfer<Arm>
  /** What somebody promised, printed beside the verdict. */
  readonly claim?: string | undefined
}

/** Asks for a factor over another arm, in the direction that is better for the metric. */
export interface TimesBetter<Arm extends string, Metric extends string> extends OfArm<Arm, Metric> {
  readonly timesBetterThan: number
  readonly than: NoInfer<Arm>
}

/** Asks for a figure as such. */
export interface Value<Arm extends string, Metric extends string> extends OfArm<Arm, Metric> {
  readonly value: number
}

/** A threshold and what was measured: the median decides, the interval says how sure it is. */
export interface Verdict {
  readonly threshold: string
  readonly claim?: string | undefined
  readonly measured: Summary
  readonly passed: boolean
}

export function judgeTimesBetter<Arm extends string, Metric extends string>(
  threshold: TimesBetter<Arm, Metric>,
): Verdict {
  const { in: measurement, metric, arm, than, timesBetterThan } = threshold
  requireNumber('timesBetterThan', timesBetterThan)
  const ours = samplesOf(measurement, arm, metric)
  const theirs = samplesOf(measurement, than, metric)
  const higher = measurement.higherIsBetter.includes(metric)
  const measured = summarize(higher ? ratios(ours, theirs) : ratios(theirs, ours))
  return {
    threshold: `${measurement.title}: ${metric} of ${arm} ≥ ${Number(timesBetterThan.toPrecision(3))}x better than ${than}`,
    claim: threshold.claim,
    measured,
    passed: measured.median >= timesBetterThan,
  }
}

export function judgeValue<Arm extends string, Metric extends string>(
  bound: '≥' | '≤',
  threshold: Value<Arm, Metric>,
): Verdict {
  const { in: measurement, metric, arm, value } = threshold
  requireNumber('value', value)
  const measured = summarize(samplesOf(measurement, arm, metric))
  return {
    threshold: `${measurement.title}: ${metric} of ${arm} ${bound} ${value}`,
    claim: threshold.claim,
    measured,
    passed: bound === '≥' ? measured.median >= value : measured.median <= value,
  }
}

function samplesOf(measurement: Measurement, arm: string, metric: string): readonly number[] {
  const samples = measurement.arms[arm]?.[metric]
  if (samples === undefined)
    throw new RangeError(`"${measurement.title}" has no ${metric} of an arm "${arm}"`)
  return samples
}

function requireNumber(name: string, value: number): void {
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number, got ${value}`)
}
