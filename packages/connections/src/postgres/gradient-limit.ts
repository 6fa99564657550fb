import { checkInteger, describe, withDefaults } from '../check.ts'

/** Between what a limit moves, and how fast. */
export interface GradientLimitOptions {
  /** The limit to begin with. Integer from `min` to `max`. @default 20, or the nearest that they allow */
  readonly initial?: number | undefined
  /** Integer from 1. @default 1 */
  readonly min?: number | undefined
  /** Integer from `min`. @default 200 */
  readonly max?: number | undefined
  /** How many times the usual round trip time still counts as no queue. From 1. @default 1 */
  readonly tolerance?: number | undefined
  /** The share of each new estimate in the limit. Above 0, at most 1. @default 0.2 */
  readonly smoothing?: number | undefined
  /** Fewest round trips whose average makes one step; never fewer than the limit. Integer from 1. @default 10 */
  readonly shortWindow?: number | undefined
  /** Over how many steps the usual round trip time is averaged. Integer from 1. @default 600 */
  readonly longWindow?: number | undefined
  /** Steps under load from one probe to the next; 0: no probes. Integer from 0. @default 50 */
  readonly probeEvery?: number | undefined
}

/**
 * Finds out how much a server should be given at once, from nothing but round trip times: what is beyond that
 * waits in the server and gains nothing.
 *
 * After Netflix/concurrency-limits, `Gradient2Limit`: the limit shrinks as the latest round trips (short) grow
 * longer than the usual ones (long), by at most half, and leaves room for a small queue of its square root:
 *
 *     gradient = clamp(tolerance * long / short, 0.5, 1)
 *     limit    = (1 - smoothing) * limit + smoothing * (limit * gradient + sqrt(limit))
 *
 * There, a load that never ends makes its own queue the usual, and the limit creeps up towards `max`. Hence the probes,
 * as in Envoy's adaptive concurrency: once in a while the limit is halved until a window of round trips was
 * measured without that queue, and the usual follows them.
 */
export class GradientLimit {
  readonly #min: number
  readonly #max: number
  readonly #tolerance: number
  readonly #smoothing: number
  readonly #shortWindow: number
  readonly #weight: number
  readonly #probeEvery: number

  #limit: number
  /** The usual round trip time, and of how many steps: the first few count alike. */
  #long = 0
  #learned = 0
  #phase: typeof steady | typeof draining | typeof probing = steady
  #stepsToProbe: number

  #window: number
  #count = 0
  #sum = 0
  #peak = 0

  constructor(options: GradientLimitOptions = {}) {
    const checked = checkOptions(options)
    this.#min = checked.min
    this.#max = checked.max
    this.#tolerance = checked.tolerance
    this.#smoothing = checked.smoothing
    this.#shortWindow = checked.shortWindow
    this.#weight = 2 / (checked.longWindow + 1)
    this.#probeEvery = checked.probeEvery === 0 ? Infinity : checked.probeEvery
    this.#limit = checked.initial
    this.#window = this.#windowOf(checked.initial)
    // The first comes early: the server may have been under load from the beginning.
    this.#stepsToProbe = checked.probeEvery === 0 ? Infinity : Math.min(warmUp, checked.probeEvery)
  }

  /** How many may be in flight now. */
  get limit(): number {
    return Math.floor(this.#phase === steady ? this.#limit : this.#halved)
  }

  /**
   * Tells of one round trip that ended, and how many were in flight when it did, itself included. Allocates
   * nothing.
   */
  sample(rttMs: number, inFlight: number): void {
    if (!(rttMs >= 0)) throw new RangeError(`rttMs must be milliseconds from 0, got ${describe(rttMs)}`)
    this.#sum += rttMs
    if (inFlight > this.#peak) this.#peak = inFlight
    if (++this.#count < this.#window) return
    const short = this.#sum / this.#count
    const peak = this.#peak
    this.#count = this.#sum = this.#peak = 0
    if (this.#phase === draining) this.#probe()
    else if (this.#phase === probing) this.#endProbe(short)
    else this.#step(short, peak)
  }

  #step(short: number, peak: number): void {
    this.#learn(short)
    const long = this.#long
    // Long after an overload the average would still remember it.
    if (long > 2 * short) this.#long *= 0.9
    // Nobody asked for as much as there was: nothing is known about the limit.
    if (peak >= this.#limit / 2) {
      this.#move(short === 0 ? 1 : Math.max(0.5, Math.min(1, (this.#tolerance * long) / short)))
      if (--this.#stepsToProbe <= 0) return this.#drain(peak)
    }
    this.#window = this.#windowOf(this.#limit)
  }

  #learn(short: number): void {
    const alike = this.#learned < warmUp
    this.#long += (short - this.#long) * (alike ? 1 / ++this.#learned : this.#weight)
  }

  #move(gradient: number): void {
    const target = this.#limit * gradient + Math.sqrt(this.#limit)
    const limit = this.#limit + (target - this.#limit) * this.#smoothing
    this.#limit = Math.max(this.#min, Math.min(this.#max, limit))
  }

  /** What is in flight was sent under the full limit and tells nothing about half of it. */
  #drain(inFlight: number): void {
    this.#phase = draining
    this.#window = Math.max(1, Math.floor(Math.max(inFlight, this.#limit)))
  }

  #probe(): void {
    this.#phase = probing
    this.#window = this.#windowOf(this.#halved)
  }

  #endProbe(short: number): void {
    this.#long += (short - this.#long) * probeWeight
    this.#phase = steady
    this.#stepsToProbe = this.#probeEvery
    this.#window = this.#windowOf(this.#limit)
  }

  get #halved(): number {
    return Math.max(this.#min, this.#limit / 2)
  }

  /** As many as are in flight: a step takes about one round trip, whatever the limit. */
  #windowOf(limit: number): number {
    return Math.max(this.#shortWindow, Math.floor(limit))
  }
}

const steady = 0
const draining = 1
const probing = 2

/** Steps that are averaged alike before the exponential average begins; as in `Gradient2Limit`. */
const warmUp = 10

/** How far the usual round trip time follows a probe: one window is too few to trust it wholly. */
const probeWeight = 0.5

const defaults = {
  min: 1,
  max: 200,
  tolerance: 1,
  smoothing: 0.2,
  shortWindow: 10,
  longWindow: 600,
  probeEvery: 50,
}

function checkOptions(options: GradientLimitOptions): Readonly<typeof defaults & { initial: number }> {
  const checked = withDefaults(defaults, options) as Readonly<typeof defaults>
  const { min, max, tolerance, smoothing } = checked
  checkInteger('min', min, 1)
  checkInteger('max', max, min)
  const { initial = Math.max(min, Math.min(max, 20)) } = options
  checkInteger('initial', initial, min)
  if (initial > max) throw new RangeError(`initial must be at most max (${max}), got ${initial}`)
  checkInteger('shortWindow', checked.shortWindow, 1)
  checkInteger('longWindow', checked.longWindow, 1)
  checkInteger('probeEvery', checked.probeEvery, 0)
  if (!(tolerance >= 1 && tolerance < Infinity)) {
    throw new RangeError(`tolerance must be a number from 1, got ${describe(tolerance)}`)
  }
  if (!(smoothing > 0 && smoothing <= 1)) {
    throw new RangeError(`smoothing must be above 0 and at most 1, got ${describe(smoothing)}`)
  }
  return { ...checked, initial }
}
