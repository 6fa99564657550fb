/** A call that is due at a time, whether those before it are answered or not. */
export interface Arrival<Kind extends string = string> {
  /** Since the start, in milliseconds. */
  readonly atMs: number
  readonly kind: Kind
}

/**
 * Makes each call when it is due and tells how long its answer took, counted from when it was due: a loop that
 * stalls, or a queue that grows, is not left out. Calls that became due within a millisecond go out together, as
 * requests do that a service reads from its sockets in one turn; about a millisecond of each figure is that.
 */
export function openLoop<A extends Arrival>(
  arrivals: readonly A[],
  call: (arrival: A) => Promise<unknown>,
): Promise<readonly number[]> {
  const latencies: number[] = Array.from({ length: arrivals.length }, () => 0)
  const startedAt = performance.now()
  let next = 0
  let unanswered = arrivals.length
  return new Promise((resolve, reject) => {
    const serve = async (index: number): Promise<void> => {
      const arrival = arrivals[index]!
      try {
        await call(arrival)
      } catch (error) {
        reject(error)
      }
      latencies[index] = performance.now() - startedAt - arrival.atMs
      if (--unanswered === 0) resolve(latencies)
    }
    const tick = (): void => {
      const now = performance.now() - startedAt
      while (next < arrivals.length && arrivals[next]!.atMs <= now) void serve(next++)
      if (next < arrivals.length) setTimeout(tick, 1)
    }
    tick()
  })
}

/** Arrivals of a Poisson process: many independent users, who do not wait for each other. */
export function poisson<Kind extends string>(
  load: { readonly ratePerSecond: number; readonly forMs: number },
  random: () => number,
  kindOf: () => Kind,
): Arrival<Kind>[] {
  const arrivals: Arrival<Kind>[] = []
  const meanGapMs = 1_000 / load.ratePerSecond
  for (let atMs = 0; ;) {
    atMs -= Math.log(1 - random()) * meanGapMs
    if (atMs >= load.forMs) return arrivals
    arrivals.push({ atMs, kind: kindOf() })
  }
}
