import { Histogram } from './histogram.ts'
import type { LoadErrorKind, LoadReport } from './load-report.ts'
import { failedThresholds } from './thresholds.ts'
import type { LoadThresholds } from './thresholds.ts'

/** What a report says beside what was counted. */
export interface RunFacts {
  readonly targetUrl: string
  readonly concurrentUsers: number
  readonly durationSeconds: number
  readonly connectionsOpened: number
  readonly partial: boolean
  readonly thresholds: LoadThresholds
}

/** Counts what happens in a run. */
export class Ledger {
  bytes = 0
  failed = 0
  readonly #histogram = new Histogram()
  readonly #statuses = new Float64Array(600)
  readonly #errors: Record<LoadErrorKind, number> = {
    connect: 0,
    timeout: 0,
    reset: 0,
    malformed: 0,
    status4xx: 0,
    status5xx: 0,
    check: 0,
  }
  readonly #errorMessages: Partial<Record<LoadErrorKind, string>> = {}
  #inTime = 0

  get requests(): number {
    return this.#histogram.count + this.failed
  }

  response(status: number): void {
    this.#statuses[status]!++
  }

  /** `inTime`: while requests were still being sent, not while the last ones were waited for. */
  success(responseTimeMs: number, inTime: boolean): void {
    this.#histogram.record(responseTimeMs)
    if (inTime) this.#inTime++
  }

  failure(kind: LoadErrorKind, message: string): void {
    this.failed++
    this.#errors[kind]++
    this.#errorMessages[kind] ??= message
  }

  report({ thresholds, partial, ...facts }: RunFacts): LoadReport {
    const { requests, failed } = this
    const statuses: Record<number, number> = {}
    for (const [status, count] of this.#statuses.entries()) if (count > 0) statuses[status] = count
    const measured = {
      rps: this.#inTime === 0 ? 0 : this.#inTime / facts.durationSeconds,
      avgResponseTimeMs: this.#histogram.meanMs,
      p50ResponseTimeMs: this.#histogram.quantile(0.5),
      p95ResponseTimeMs: this.#histogram.quantile(0.95),
      p99ResponseTimeMs: this.#histogram.quantile(0.99),
      p999ResponseTimeMs: this.#histogram.quantile(0.999),
      maxResponseTimeMs: this.#histogram.maxMs,
      errorRatio: requests === 0 ? 0 : failed / requests,
    }
    const missed = failedThresholds(thresholds, measured)
    return {
      model: 'closed',
      ...facts,
      requests,
      succeeded: requests - failed,
      ...measured,
      errors: { ...this.#errors },
      errorMessages: { ...this.#errorMessages },
      statuses,
      bytes: this.bytes,
      partial,
      passed: !partial && requests > failed && missed.length === 0,
      failedThresholds: missed,
      histogram: this.#histogram.toJSON(),
    }
  }
}
