import { describe } from './check.ts'
import type { LoadReport } from './load-report.ts'

/** What a run must reach to pass: times and the error ratio at most this, requests per second at least. */
export interface LoadThresholds {
  readonly avgResponseTimeMs?: number | undefined
  readonly p50ResponseTimeMs?: number | undefined
  readonly p95ResponseTimeMs?: number | undefined
  readonly p99ResponseTimeMs?: number | undefined
  readonly p999ResponseTimeMs?: number | undefined
  readonly maxResponseTimeMs?: number | undefined
  /** 0 to 1. */
  readonly errorRatio?: number | undefined
  readonly minRps?: number | undefined
}

/** A threshold that a run missed. */
export interface FailedThreshold {
  readonly name: keyof LoadThresholds
  readonly limit: number
  /** What was measured; `NaN` for the times of a run in which nothing succeeded, which misses any limit. */
  readonly actual: number
}

/** @throws {TypeError} for an unknown name. @throws {RangeError} for a limit that is not a number from 0. */
export function checkThresholds(thresholds: LoadThresholds): void {
  for (const [name, limit] of Object.entries(thresholds) as [string, unknown][]) {
    if (!(name in measured)) {
      throw new TypeError(
        `thresholds.${name} is unknown, it must be one of ${Object.keys(measured).join(', ')}`,
      )
    }
    if (limit !== undefined && !(typeof limit === 'number' && limit >= 0)) {
      throw new RangeError(`thresholds.${name} must be a number from 0, got ${describe(limit)}`)
    }
  }
}

/** The thresholds that a run missed, in the order they were given. */
export function failedThresholds(thresholds: LoadThresholds, report: MeasuredReport): FailedThreshold[] {
  const failed: FailedThreshold[] = []
  for (const [name, limit] of Object.entries(thresholds) as [keyof LoadThresholds, number | undefined][]) {
    const actual = report[measured[name]]
    if (limit === undefined) continue
    // Written so that NaN misses.
    const isMet = name === 'minRps' ? actual >= limit : actual <= limit
    if (!isMet) failed.push({ name, limit, actual })
  }
  return failed
}

type MeasuredReport = Pick<LoadReport, Exclude<keyof LoadThresholds, 'minRps'> | 'rps'>

const measured: Record<keyof LoadThresholds, keyof MeasuredReport> = {
  avgResponseTimeMs: 'avgResponseTimeMs',
  p50ResponseTimeMs: 'p50ResponseTimeMs',
  p95ResponseTimeMs: 'p95ResponseTimeMs',
  p99ResponseTimeMs: 'p99ResponseTimeMs',
  p999ResponseTimeMs: 'p999ResponseTimeMs',
  maxResponseTimeMs: 'maxResponseTimeMs',
  errorRatio: 'errorRatio',
  minRps: 'rps',
}
