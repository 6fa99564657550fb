import { expect, test } from 'vitest'
import { GradientLimit, type GradientLimitOptions } from '../../src/postgres/gradient-limit.ts'

/** A limit at its `max` of 100 that knows 10 ms as the usual, and steps once every 100 samples. */
function settledAt100(options?: GradientLimitOptions): GradientLimit {
  const limit = new GradientLimit({ initial: 100, max: 100, probeEvery: 0, ...options })
  samples(limit, 10 * 100, 10)
  expect(limit.limit).toBe(100)
  return limit
}

/** After twenty steps that took so long, and one more. */
function limitAfter(rttMs: number, thenMs: number): number {
  const limit = settledAt100()
  samples(limit, 20 * 100, rttMs)
  samples(limit, 100, thenMs)
  return limit.limit
}

function make(options: GradientLimitOptions): () => GradientLimit {
  return () => new GradientLimit(options)
}

function samples(limit: GradientLimit, count: number, rttMs: number, inFlight = 100): void {
  for (let i = 0; i < count; i++) limit.sample(rttMs, inFlight)
}

test('while round trips take as long as usual it grows by a share of its square root', () => {
  const limit = new GradientLimit({ initial: 16, shortWindow: 1, smoothing: 0.5 })
  samples(limit, 15, 10, 16)
  expect(limit.limit).toBe(16)
  samples(limit, 1, 10, 16)
  expect(limit.limit).toBe(18)
  samples(limit, 18, 10, 18)
  expect(limit.limit).toBe(20)
})

test('a step is made of no fewer samples than the short window', () => {
  const limit = new GradientLimit({ initial: 16, shortWindow: 40, smoothing: 0.5 })
  samples(limit, 39, 10, 16)
  expect(limit.limit).toBe(16)
  samples(limit, 1, 10, 16)
  expect(limit.limit).toBe(18)
})

test('it shrinks as round trips grow longer than usual, by their average', () => {
  const limit = settledAt100()
  samples(limit, 50, 5)
  samples(limit, 50, 20)
  // The gradient is 0.8: 80 and a queue of 10, a fifth of the way.
  expect(limit.limit).toBe(98)
})

test.for([40, 1_000, 1_000_000])('one step of %d ms takes no more than half into account', (rttMs) => {
  const limit = settledAt100()
  samples(limit, 100, rttMs)
  expect(limit.limit).toBe(92)
})

test('what the tolerance allows is no queue', () => {
  const limit = settledAt100({ tolerance: 1.25 })
  samples(limit, 100, 12.5)
  expect(limit.limit).toBe(100)
  samples(limit, 100, 20)
  expect(limit.limit).toBeLessThan(100)
})

test('it stays where it is while less than half of it is in flight', () => {
  const limit = new GradientLimit({ initial: 100, max: 200, probeEvery: 1 })
  samples(limit, 5_000, 10, 49)
  expect(limit.limit).toBe(100)
  samples(limit, 100, 10, 50)
  expect(limit.limit).toBeGreaterThan(49)
  expect(limit.limit).not.toBe(100)
})

test('it keeps between min and max', () => {
  const limit = new GradientLimit({ initial: 10, min: 8, max: 12 })
  samples(limit, 1_000, 10)
  expect(limit.limit).toBe(12)
  for (let rttMs = 10; rttMs < 1e6; rttMs *= 1.1) samples(limit, 12, rttMs)
  expect(limit.limit).toBe(8)
  expect(new GradientLimit({ max: 5 }).limit).toBe(5)
  expect(new GradientLimit({ min: 30 }).limit).toBe(30)
})

test('the usual follows slowly when round trips stay longer', () => {
  const limit = settledAt100({ longWindow: 20 })
  for (let n = 0; n < 3; n++) samples(limit, limit.limit, 20)
  const shrunk = limit.limit
  expect(shrunk).toBeLessThan(90)
  for (let n = 0; n < 200; n++) samples(limit, limit.limit, 20)
  expect(limit.limit).toBe(100)
})

test('the usual falls fast once round trips take less than half of it', () => {
  // Twenty steps are few for an average of 600: it still calls 9 ms usual, unless they took less than half.
  expect(limitAfter(6, 9)).toBe(100)
  expect(limitAfter(2, 9)).toBe(92)
})

test('once in a while half the limit shows how long a round trip takes without a queue', () => {
  const limit = new GradientLimit({ initial: 100, max: 100, probeEvery: 5 })
  samples(limit, 499, 20)
  expect(limit.limit).toBe(100)
  samples(limit, 1, 20)
  expect(limit.limit).toBe(50)
  // These were sent before, and tell nothing.
  samples(limit, 100, 500)
  expect(limit.limit).toBe(50)
  samples(limit, 49, 10, 50)
  expect(limit.limit).toBe(50)
  samples(limit, 1, 10, 50)
  expect(limit.limit).toBe(100)
  // The usual is 15 ms now, half-way.
  samples(limit, 100, 20)
  expect(limit.limit).toBe(97)
})

test('round trips too short for the clock are no queue', () => {
  const limit = new GradientLimit({ initial: 16 })
  samples(limit, 100, 0)
  expect(limit.limit).toBeGreaterThan(16)
})

test('wrong options and samples are refused', () => {
  expect(make({ min: 0 })).toThrow('min must be an integer from 1, got 0')
  expect(make({ min: 5, max: 4 })).toThrow('max must be an integer from 5, got 4')
  expect(make({ initial: 300 })).toThrow('initial must be at most max (200), got 300')
  expect(make({ initial: 3, min: 4 })).toThrow('initial must be an integer from 4, got 3')
  expect(make({ tolerance: 0.9 })).toThrow('tolerance must be a number from 1, got 0.9')
  expect(make({ smoothing: 0 })).toThrow('smoothing must be above 0 and at most 1, got 0')
  expect(make({ shortWindow: 0 })).toThrow(RangeError)
  expect(make({ longWindow: 1.5 })).toThrow(RangeError)
  expect(make({ probeEvery: -1 })).toThrow(RangeError)
  expect(make({ max: undefined })).not.toThrow()
  expect(() => new GradientLimit().sample(NaN, 1)).toThrow('rttMs must be milliseconds from 0, got NaN')
})

const slots = 16
const serviceMs = 10
const halfMinute = 30_000

test('under too much load it finds what the server can take, when it becomes slower and when it recovers', () => {
  const seed = Number(process.env['CODE_SEED'] ?? Date.now() % 2 ** 31)
  const world = {
    seed,
    arrivalsPerMs: (1.5 * slots) / serviceMs,
    slotsAt: (ms: number) => (ms >= halfMinute && ms < 2 * halfMinute ? slots / 2 : slots),
  }
  const limited = simulate({ ...world, limit: new GradientLimit() })
  const unlimited = simulate(world)
  const drifting = simulate({ ...world, limit: new GradientLimit({ probeEvery: 0 }) })
  const told = JSON.stringify({ limited, unlimited, drifting })
  const because = `seed ${seed} (CODE_SEED): ${told}`

  const [normal, slower, recovered] = limited
  for (const [phase, fits] of [
    [normal, slots],
    [slower, slots / 2],
    [recovered, slots],
  ] as const) {
    expect(phase.meanLimit, because).toBeGreaterThan(0.9 * fits)
    expect(phase.meanLimit, because).toBeLessThan(3 * fits)
    expect(phase.waitedMs, because).toBeLessThan(2.5 * serviceMs)
  }
  limited.forEach((phase, n) => {
    expect(phase.served, because).toBeGreaterThan(0.95 * unlimited[n]!.served)
    expect(phase.waitedMs, because).toBeLessThan(unlimited[n]!.waitedMs / 50)
  })
  // What the probes are for: the queue that is always there became the usual.
  expect(drifting[2].meanLimit, because).toBeGreaterThan(1.5 * recovered.meanLimit)
})

test('under a load that the server can take it holds nobody back', () => {
  const seed = Number(process.env['CODE_SEED'] ?? Date.now() % 2 ** 31)
  const world = { seed, arrivalsPerMs: (0.6 * slots) / serviceMs, slotsAt: () => slots }
  const limited = simulate({ ...world, limit: new GradientLimit() })
  for (const { heldBackMs } of limited) {
    expect(heldBackMs, `seed ${seed} (CODE_SEED): ${JSON.stringify(limited)}`).toBeLessThan(0.1 * serviceMs)
  }
})

interface Simulation {
  readonly seed: number
  readonly arrivalsPerMs: number
  /** How many the server works on at once; the others wait in it, first come, first served. */
  readonly slotsAt: (ms: number) => number
  readonly limit?: GradientLimit
}

interface Phase {
  served: number
  /** Means, of the last two thirds of the half minute. */
  waitedMs: number
  heldBackMs: number
  meanLimit: number
}

/** Three half minutes of open arrivals, held back by the limit, at a server that is told nothing of it. */
function simulate({ seed, arrivalsPerMs, slotsAt, limit }: Simulation): [Phase, Phase, Phase] {
  const random = mulberry32(seed)
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean
  const phases = [emptyPhase(), emptyPhase(), emptyPhase()] as [Phase, Phase, Phase]
  const counts = phases.map(() => ({ started: 0, sent: 0, arrived: 0 }))
  const heldBack = new Fifo()
  const atServer = new Fifo()
  /** Under way, the one that ends next last. */
  const running: { endsAt: number; sentAt: number }[] = []
  let now = 0
  let inFlight = 0
  let nextArrival = exponential(1 / arrivalsPerMs)

  for (;;) {
    const next = running.at(-1)
    const ends = next !== undefined && next.endsAt <= nextArrival
    now = ends ? next.endsAt : nextArrival
    const n = Math.floor(now / halfMinute)
    if (n >= phases.length) break
    const phase = phases[n]!
    const count = counts[n]!
    const settled = now % halfMinute > halfMinute / 3
    if (ends) {
      running.pop()
      if (settled) phase.served++
      limit?.sample(now - next.sentAt, inFlight--)
    } else {
      nextArrival = now + exponential(1 / arrivalsPerMs)
      heldBack.push(now)
      if (settled) phase.meanLimit += ((limit?.limit ?? inFlight) - phase.meanLimit) / ++count.arrived
    }
    while (heldBack.length > 0 && inFlight < (limit?.limit ?? Infinity)) {
      const heldMs = now - heldBack.shift()
      if (settled) phase.heldBackMs += (heldMs - phase.heldBackMs) / ++count.sent
      inFlight++
      atServer.push(now)
    }
    while (atServer.length > 0 && running.length < slotsAt(now)) {
      const sentAt = atServer.shift()
      if (settled) phase.waitedMs += (now - sentAt - phase.waitedMs) / ++count.started
      running.push({ endsAt: now + exponential(serviceMs), sentAt })
      running.sort((a, b) => b.endsAt - a.endsAt)
    }
  }
  return phases
}

function emptyPhase(): Phase {
  return { served: 0, waitedMs: 0, heldBackMs: 0, meanLimit: 0 }
}

/** Moments in a row; an array's own `shift` takes too long for the backlog of an overload. */
class Fifo {
  readonly #moments: number[] = []
  #head = 0

  get length(): number {
    return this.#moments.length - this.#head
  }

  push(ms: number): void {
    this.#moments.push(ms)
  }

  shift(): number {
    return this.#moments[this.#head++]!
  }
}

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
