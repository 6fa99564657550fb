import type { HistogramData } from './histogram.ts'
import type { FailedThreshold } from './thresholds.ts'
import type { ConnectionFailure } from './virtual-user.ts'

/**
 * Why a request failed. A request counts under one kind only.
 * - `connect`: no connection to the target, refused or unreachable
 * - `timeout`: no whole response within `timeoutMs`, connecting included
 * - `reset`: the connection ended before the response did
 * - `malformed`: what came back is not HTTP/1.1
 * - `status4xx`, `status5xx`: the target answered with such a status
 * - `check`: the target answered and `check` did not accept it
 */
export type LoadErrorKind = ConnectionFailure | 'status4xx' | 'status5xx' | 'check'

/** What a run of a load test measured. Plain data, fit for JSON. */
export interface LoadReport {
  /**
   * `closed`: a user sends its next request when the last one is answered, so that a stalled target is asked
   * less while it stalls, and the percentiles say less about the stall than callers from outside would.
   */
  readonly model: 'closed'
  readonly targetUrl: string
  readonly concurrentUsers: number
  /** How long it was measured, in seconds, without warm-up and without waiting for the last responses. */
  readonly durationSeconds: number
  /** Requests that came to an end, well or not. */
  readonly requests: number
  /** Requests that succeeded: response times and `rps` are theirs alone. */
  readonly succeeded: number
  /** Successes per second of `durationSeconds`. */
  readonly rps: number
  /**
   * Response times of successes in milliseconds, from the wish to send (connecting included, where a request had
   * to) to the last byte; `NaN` when nothing succeeded. A failure has no response time: it is in `errors`.
   */
  readonly avgResponseTimeMs: number
  readonly p50ResponseTimeMs: number
  readonly p95ResponseTimeMs: number
  readonly p99ResponseTimeMs: number
  readonly p999ResponseTimeMs: number
  readonly maxResponseTimeMs: number
  /** Failed requests by kind. */
  readonly errors: Readonly<Record<LoadErrorKind, number>>
  /** What the first failure of each kind said. */
  readonly errorMessages: Readonly<Partial<Record<LoadErrorKind, string>>>
  /** The share of requests that failed, 0 to 1; 0 when there was none. */
  readonly errorRatio: number
  /** Responses by status code. */
  readonly statuses: Readonly<Record<number, number>>
  /** Bytes received, headers included. */
  readonly bytes: number
  /** Connections opened in the whole run, warm-up included. */
  readonly connectionsOpened: number
  /** The run was aborted: what was in flight is not counted. */
  readonly partial: boolean
  /** The run was not aborted, at least one request succeeded, and every threshold was met. */
  readonly passed: boolean
  readonly failedThresholds: readonly FailedThreshold[]
  /** Response times of successes; `Histogram.from` reads it. */
  readonly histogram: HistogramData
}

/** A report as a few lines for a terminal. */
export function formatReport(report: LoadReport): string {
  const rows: [label: string, text: string][] = [
    [
      'target',
      `${report.targetUrl}, ${report.concurrentUsers} users (${report.model} model), ${fixed(report.durationSeconds)} s`,
    ],
    [
      'requests',
      `${count(report.requests)}, ${count(report.succeeded)} succeeded, ${fixed(report.rps)} per second`,
    ],
    [
      'response',
      `avg ${ms(report.avgResponseTimeMs)}  p50 ${ms(report.p50ResponseTimeMs)}  p95 ${ms(report.p95ResponseTimeMs)}` +
        `  p99 ${ms(report.p99ResponseTimeMs)}  p99.9 ${ms(report.p999ResponseTimeMs)}  max ${ms(report.maxResponseTimeMs)} ms`,
    ],
    ['statuses', tally(report.statuses)],
    ['errors', `${tally(report.errors)} (${fixed(report.errorRatio * 100)} %)`],
    ['received', `${size(report.bytes)} over ${count(report.connectionsOpened)} connections`],
  ]
  for (const [kind, message] of Object.entries(report.errorMessages)) rows.push([`first ${kind}`, message])
  for (const { name, limit, actual } of report.failedThresholds) {
    rows.push(['missed', `${name} ${fixed(actual)}, the threshold is ${limit}`])
  }
  rows.push([
    'result',
    `${report.passed ? 'passed' : 'failed'}${report.partial ? ', aborted before its end' : ''}`,
  ])
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`).join('\n')
}

function tally(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).filter(([, n]) => n > 0)
  return parts.length === 0 ? 'none' : parts.map(([name, n]) => `${name} ${count(n)}`).join(', ')
}

function ms(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}

function fixed(value: number): string {
  return Number.isNaN(value) ? '-' : value.toLocaleString('en', { maximumFractionDigits: 2 })
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${fixed(bytes / 1e3)} kB` : `${fixed(bytes / 1e6)} MB`
}
