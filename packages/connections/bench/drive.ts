import { quantile } from '@code/testkit'

/** Keeps `inFlight` calls under way for a second and tells their rate and latencies. */
export async function drive(
  inFlight: number,
  call: () => Promise<unknown>,
): Promise<{ rps: number; p50Ms: number; p95Ms: number }> {
  const latencies: number[] = []
  const startedAt = performance.now()
  const endsAt = startedAt + 1_000
  const user = async (): Promise<void> => {
    for (let now = performance.now(); now < endsAt;) {
      await call()
      const then = now
      now = performance.now()
      latencies.push(now - then)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, user))
  const seconds = (performance.now() - startedAt) / 1_000
  return {
    rps: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p95Ms: quantile(latencies, 0.95),
  }
}
