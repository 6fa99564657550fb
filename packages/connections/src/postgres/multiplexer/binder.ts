import type { Line } from './line.ts'
import type { Profile } from './profile.ts'
import type { Statement } from './statement.ts'
import { WaitForecast } from './wait-forecast.ts'

/** A statement and the line it is to be sent on: for itself, or with a share of it. */
export interface Binding {
  readonly statement: Statement
  readonly line: Line
  readonly exclusive: boolean
  readonly share: number
}

/**
 * Decides which of the waiting statements is sent next, and on which line. Statements wait by text and are bound
 * late: the oldest that finds a line goes first. Cheap ones are gathered on few lines, since one process that
 * answers many costs less than many that answer one each; what is slow or not known has a line for itself.
 */
export class Binder {
  readonly lines: Line[] = []
  readonly #maxLines: number
  readonly #isolate: boolean
  readonly #forecast: WaitForecast
  readonly #waiting: Profile[] = []
  #round = 0
  #lanes = 1
  #lanesWanted = 1
  /** Who was shared last, and when somebody else was. */
  #lastShared: Profile | undefined
  #lastSharedAt = -Infinity
  #othersSharedAt = -Infinity
  /** In this round: whether a statement to be shared, or one for itself, found no line. */
  #foundNoRoom = false
  #foundNoLine = false

  constructor(maxLines: number, fairness: 'equal' | 'isolate') {
    this.#maxLines = maxLines
    this.#isolate = fairness === 'isolate'
    this.#forecast = new WaitForecast(Math.max(1, maxLines - 1))
  }

  /** Whether anything waits. */
  get waiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Whether something waits that another line would help, seen in the round before. */
  get wantsLine(): boolean {
    return this.#foundNoLine || (this.#foundNoRoom && this.lines.length < this.#lanesWanted)
  }

  /** Whether something to be shared found no room in the round before. */
  get foundNoRoom(): boolean {
    return this.#foundNoRoom
  }

  /** More lines for what is shared, or fewer: seldom more than one where client and server share few processors. */
  adapt(more: number): void {
    this.#lanes = Math.max(1, Math.min(this.#maxLines, this.#lanes + more))
  }

  add(statement: Statement): void {
    const { profile } = statement
    if (profile.first === undefined) this.#waiting.push(profile)
    profile.push(statement)
  }

  /** Queues one again that was sent, in front of those of its text. */
  addAgain(statement: Statement): void {
    const { profile } = statement
    if (profile.first === undefined && !this.#waiting.includes(profile)) this.#waiting.push(profile)
    profile.putBack(statement)
  }

  /** All that wait, in no order. */
  *statements(): Iterable<Statement> {
    for (const profile of this.#waiting) yield* profile.waiting()
  }

  /** Begins a round: what found no line in the last one may find one now. */
  begin(now: number): void {
    this.#round++
    this.#foundNoRoom = false
    this.#foundNoLine = false
    if (!this.#isolate) this.#forecast.update(now, this.#waiting)
  }

  next(now: number): Binding | undefined {
    for (;;) {
      const profile = this.#oldest(now)
      if (profile === undefined) return undefined
      const exclusive = profile.needsOwnLine
      const line = exclusive ? this.#lineAlone(profile, now) : this.#lineShared(profile)
      if (line === undefined) {
        profile.blockedIn = this.#round
        continue
      }
      if (!exclusive) this.#noteShared(profile, now)
      const share = exclusive ? 1 : 1 / profile.cost.depth
      return { statement: profile.shift(), line, exclusive, share }
    }
  }

  #oldest(now: number): Profile | undefined {
    const { holdMs } = this.#forecast
    let oldest: Profile | undefined
    let order = Infinity
    for (let i = 0; i < this.#waiting.length; i++) {
      const profile = this.#waiting[i]!
      const first = profile.first
      if (first === undefined) {
        this.#waiting[i--] = this.#waiting.at(-1)!
        this.#waiting.pop()
      } else if (first.order < order && profile.blockedIn !== this.#round) {
        if (holdMs > 0 && now - first.arrivedAt < holdMs && !profile.needsOwnLine) continue
        oldest = profile
        order = first.order
      }
    }
    return oldest
  }

  /** The first line with room for one more, so that the same few lines are used. */
  #lineShared(profile: Profile): Line | undefined {
    const { depth } = profile.cost
    const lanes = Math.max(this.#lanes, Math.ceil(32 / depth))
    const share = 1 / depth
    let seen = 0
    for (const line of this.lines) {
      if (line.seals > 0) continue
      if (line.load + share <= 1 + 1e-9) return line
      if (++seen >= lanes) break
    }
    this.#foundNoRoom = true
    this.#lanesWanted = lanes
    return undefined
  }

  /** The line with the least work before it, unless it is the last one open to the statements that share. */
  #lineAlone(profile: Profile, now: number): Line | undefined {
    if (this.#heldUp(profile)) return undefined
    let best: Line | undefined
    let open = 0
    for (const line of this.lines) {
      if (line.seals > 0) continue
      open++
      if (best === undefined || line.workMs < best.workMs || (line.inFlight === 0 && best.inFlight > 0))
        best = line
    }
    const reserved = open === 1 && this.#maxLines > 1 && now - this.#sharedByOthersAt(profile) < reserveMs
    if (best !== undefined && (!reserved || this.#mayBorrow(profile, now))) {
      // Another line is better than to stand behind others.
      if (best.inFlight > 0) this.#foundNoLine = true
      return best
    }
    this.#foundNoLine = true
    return undefined
  }

  #noteShared(profile: Profile, now: number): void {
    if (this.#lastShared !== profile) {
      this.#othersSharedAt = this.#lastSharedAt
      this.#lastShared = profile
    }
    this.#lastSharedAt = now
  }

  #sharedByOthersAt(profile: Profile): number {
    return this.#lastShared === profile ? this.#othersSharedAt : this.#lastSharedAt
  }

  /** Whether copies of it are stuck, at a lock perhaps, and more of them would only fill the lines. */
  #heldUp(profile: Profile): boolean {
    if (profile.cost.knownSlow || profile.stuck.length === 0) return false
    return profile.exclusive >= 3 + profile.okSinceFirstStuck
  }

  /** Whether it may take even the last line: it is slow by nature, has waited for its part, and is not held up. */
  #mayBorrow(profile: Profile, now: number): boolean {
    const { cost } = profile
    if (this.#isolate || !cost.knownSlow || cost.meanMs > 100) return false
    const waitedMs = now - profile.first!.arrivedAt
    return waitedMs > Math.max(3, 0.5 * cost.meanMs) && !profile.overdue(now)
  }
}

/** For how long after the last shared statement a line is kept for the next. */
const reserveMs = 1_000
