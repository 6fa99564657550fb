import type { Benchmark, Measurement } from '@code/testkit'

export interface AtMostTimes<Arm extends string, Metric extends string> {
  readonly in: Measurement<Arm, Metric>
  /** One of which less is better. */
  readonly metric: NoInfer<Metric>
  readonly arm: NoInfer<Arm>
  readonly times: number
  readonly than: NoInfer<Arm>
}

/** Asks that a latency is at most that many times another arm's, round by round. */
export function atMostTimes<Arm extends string, Metric extends string>(
  suite: Benchmark,
  { times, ...threshold }: AtMostTimes<Arm, Metric>,
): void {
  const claim = `at most ${times} times that of ${threshold.than}`
  suite.atLeast<Arm, Metric>({ ...threshold, timesBetterThan: 1 / times, claim })
}
