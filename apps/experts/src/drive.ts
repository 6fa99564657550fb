import { LoadTester } from '@code/loadtest'
import { median } from '@code/testkit'
import { askPath } from './check-answers.ts'
import type { ServeOptions, Stack } from './stack.ts'

/** What one variant did under load. A type, not an interface: the bench harness wants figures by name. */
export type DriveFigures = {
  readonly rps: number
  readonly avgMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly errors: number
  readonly cpuMsPerRequest: number
  readonly peakRssBytes: number
  readonly hitRatio: number
}

export interface DriveOptions extends ServeOptions {
  readonly questions: readonly string[]
  readonly users: number
  readonly warmupSeconds: number
  readonly durationSeconds: number
}

/** Starts a variant in a fresh process, loads it with our own tester (closed model), and ends it. */
export async function drive(stack: Stack, options: DriveOptions): Promise<DriveFigures> {
  const { questions, users, warmupSeconds, durationSeconds } = options
  await using service = await stack.serve(options)
  const requests = questions.map((question) => ({ path: askPath(question) }))
  const half = Math.floor(requests.length / 2)
  const load = { targetUrl: service.origin, concurrentUsers: users }
  await new LoadTester({ ...load, requests: requests.slice(0, half), durationSeconds: warmupSeconds }).run()

  const before = await service.usage()
  const report = await new LoadTester({ ...load, requests: requests.slice(half), durationSeconds }).run()
  const after = await service.usage()

  const looked = after.hits + after.misses - before.hits - before.misses
  return {
    rps: report.rps,
    avgMs: report.avgResponseTimeMs,
    p50Ms: report.p50ResponseTimeMs,
    p95Ms: report.p95ResponseTimeMs,
    p99Ms: report.p99ResponseTimeMs,
    errors: Math.round(report.errorRatio * report.requests),
    cpuMsPerRequest: (after.cpuMs - before.cpuMs) / report.requests,
    peakRssBytes: after.peakRssBytes,
    hitRatio: looked === 0 ? 0 : (after.hits - before.hits) / looked,
  }
}

/** One figure for several rounds: the median, and of errors the sum. */
export function medianFigures(rounds: readonly DriveFigures[]): DriveFigures {
  const names = Object.keys(rounds[0]!) as (keyof DriveFigures)[]
  const medians = names.map((name) => [name, median(rounds.map((round) => round[name]))] as const)
  const errors = rounds.reduce((sum, round) => sum + round.errors, 0)
  return { ...(Object.fromEntries(medians) as DriveFigures), errors }
}
