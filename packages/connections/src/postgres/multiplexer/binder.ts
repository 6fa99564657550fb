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
  /** How many lines copies of a text may hold that are stuck, until others of it get through. */
  readonly #bulkhead: number
  readonly #forecast: WaitForecast
  /** The texts of which some wait. In a round, those that are still to be looked at, by the age of their oldest. */
  readonly #waiting: Profile[] = []
  /** How many texts are still listed of which none waits any more, and whether the order may be another. */
  #emptied = 0
  #unsorted = false
  /** When a slow one came last. */
  #slowAt = -Infinity
  #queued = 0
  /** Which of them is looked at next. */
  #at = 0
  #lanes = 1
  /** Who was shared last, and when somebody else was. */
  #lastShared: Profile | undefined
  #lastSharedAt = -Infinity
  #othersSharedAt = -Infinity
  /** Whether the last line has been lent to one for itself since somebody shared. */
  #lent = false
  /** Whether one to be shared found no room since lines were adapted. */
  #foundNoRoom = false
  /** In this round: whether another line is wanted, whether none is open. */
  #foundNoLine = false
  #noneOpen = false
  /** In this round: whether the last line is kept from those that are not known to be slow. */
  #noneToBorrow = false

  constructor(maxLines: number, fairness: 'equal' | 'isolate') {
    this.#maxLines = maxLines
    this.#isolate = fairness === 'isolate'
    this.#bulkhead = Math.min(3, Math.ceil(maxLines / 2))
    this.#forecast = new WaitForecast(Math.max(1, maxLines - 1))
  }

  /** How many wait. */
  get queued(): number {
    return this.#queued
  }

  /** Whether something waits that another line would help, seen in the round before. */
  get wantsLine(): boolean {
    return this.#foundNoLine
  }

  /**
   * More lines for what is shared when it found no room since the last time and this process has time for more
   * answers, else fewer: one line is the best where client and server share few processors.
   * @param utilization the event loop's since the last time, from 0 to 1
   */
  adapt(utilization: number): void {
    if (!this.#foundNoRoom) this.#lanes = Math.max(1, this.#lanes - 1)
    else if (utilization < 0.6) this.#lanes = Math.min(this.#maxLines, this.#lanes + 1)
    this.#foundNoRoom = false
  }

  add(statement: Statement): void {
    const { profile } = statement
    if (profile.cost.knownSlow) this.#slowAt = statement.arrivedAt
    this.#list(profile)
    this.#queued++
    profile.push(statement)
  }

  /** Queues one again that was sent, at its place among those of its text. */
  addAgain(statement: Statement): void {
    this.#list(statement.profile)
    this.#unsorted = true
    this.#queued++
    statement.profile.putBack(statement)
  }

  /** Lets one wait no longer, if it does. */
  withdraw(statement: Statement): void {
    if (!statement.queued) return
    this.#queued--
    statement.profile.withdraw(statement)
    this.#unsorted = true
  }

  /** All that wait, in no order. */
  *statements(): Iterable<Statement> {
    for (const profile of this.#waiting) yield* profile.waiting()
  }

  /**
   * A line for one that came just now and may share it, if nothing else waits: found without a round. One that
   * gets none is to be added.
   */
  lineAtOnce(profile: Profile, now: number): Line | undefined {
    if (this.#queued > 0 || profile.needsOwnLine || this.#forecast.holdMs > 0) return undefined
    const line = this.#lineShared(profile)
    if (line !== undefined) this.#noteShared(profile, now)
    return line
  }

  /** Begins a round: what found no line in the last one may find one now. */
  begin(now: number): void {
    this.#at = 0
    this.#foundNoLine = false
    this.#noneOpen = false
    this.#noneToBorrow = false
    if (this.#unsorted || 2 * this.#emptied > this.#waiting.length) this.#sort()
    if (!this.#isolate) this.#forecast.update(now, now - this.#slowAt < slowForMs ? this.#waiting : [])
  }

  /** The next to be sent, until there is none in this round. */
  next(now: number): Binding | undefined {
    const { holdMs } = this.#forecast
    for (; this.#at < this.#waiting.length && !this.#noneOpen; this.#at++) {
      const profile = this.#waiting[this.#at]!
      const { first } = profile
      if (first === undefined) continue
      const exclusive = profile.needsOwnLine
      if (exclusive && this.#noneToBorrow && !profile.cost.knownSlow) continue
      if (!exclusive && holdMs > 0 && now - first.arrivedAt < holdMs) continue
      const line = exclusive ? this.#lineAlone(profile, now) : this.#lineShared(profile)
      if (line === undefined) continue
      if (!exclusive) this.#noteShared(profile, now)
      const share = exclusive ? 1 : 1 / profile.cost.depth
      this.#queued--
      const statement = profile.shift()
      if (profile.first === undefined) this.#emptied++
      else this.#sink(profile)
      return { statement, line, exclusive, share }
    }
    return undefined
  }

  #list(profile: Profile): void {
    if (profile.listed) {
      if (profile.first === undefined) this.#unsorted = true
      return
    }
    profile.listed = true
    this.#waiting.push(profile)
  }

  /** Drops the texts of which none waits any more. The others are in order as a rule. */
  #sort(): void {
    const waiting = this.#waiting
    let kept = 0
    let latest = -1
    let sorted = true
    for (const profile of waiting) {
      const { first } = profile
      if (first === undefined) {
        profile.listed = false
        continue
      }
      if (first.order < latest) sorted = false
      latest = first.order
      waiting[kept++] = profile
    }
    waiting.length = kept
    this.#emptied = 0
    this.#unsorted = false
    if (!sorted) waiting.sort((a, b) => a.first!.order - b.first!.order)
  }

  /** Brings the text whose oldest was taken behind those whose oldest is older now. */
  #sink(profile: Profile): void {
    const first = profile.first!
    const waiting = this.#waiting
    let at = this.#at
    for (; at + 1 < waiting.length; at++) {
      const next = waiting[at + 1]!
      // Code of the caller's may have withdrawn the last one there meanwhile.
      if ((next.first?.order ?? -1) > first.order) break
      waiting[at] = next
    }
    waiting[at] = profile
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
    this.#noneOpen = seen === 0
    // Those that are sealed are of no use to it, however many there are.
    if (seen < lanes) this.#foundNoLine = true
    return undefined
  }

  /** The line with the least work before it, unless it is the last one open to the statements that share. */
  #lineAlone(profile: Profile, now: number): Line | undefined {
    if (this.#heldUp(profile, now)) return undefined
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
      if (reserved) this.#lent = true
      // Another line is better than to stand behind others.
      if (best.inFlight > 0) this.#foundNoLine = true
      return best
    }
    this.#foundNoLine = true
    this.#noneOpen = open === 0
    // Nor may those that came later.
    if (!profile.cost.knownSlow) this.#noneToBorrow = true
    return undefined
  }

  #noteShared(profile: Profile, now: number): void {
    if (this.#lastShared !== profile) {
      this.#othersSharedAt = this.#lastSharedAt
      this.#lastShared = profile
    }
    this.#lastSharedAt = now
    this.#lent = false
  }

  #sharedByOthersAt(profile: Profile): number {
    return this.#lastShared === profile ? this.#othersSharedAt : this.#lastSharedAt
  }

  /** Whether copies of it are stuck, at a lock perhaps, and more of them would only fill the lines. */
  #heldUp(profile: Profile, now: number): boolean {
    if (profile.cost.knownSlow || profile.stuck.length === 0) return false
    // It may be rows that are locked, not all of the table: now and then another one is tried.
    const probes = Math.floor((now - profile.first!.arrivedAt) / probeEveryMs)
    return profile.exclusive >= this.#bulkhead + profile.okSinceFirstStuck + probes
  }

  /**
   * Whether it may take even the last line: it is slow by nature, has waited for its part, and is not held up. Any
   * other that nothing holds up may after a while, in turn with those that share: lines that long ones have for hours
   * are no reason to fail it.
   */
  #mayBorrow(profile: Profile, now: number): boolean {
    const { cost } = profile
    const waitedMs = now - profile.first!.arrivedAt
    const patienceMs = cost.knownSlow ? reserveMs : strangerMs
    if (waitedMs > patienceMs && !this.#lent && profile.stuck.length === 0) return true
    // A write that is as short as what is shared.
    if (!cost.needsOwnLine && !profile.suspect) return true
    if (this.#isolate || !cost.knownSlow || cost.meanMs > 100) return false
    if (profile.overdue(now)) return false
    return waitedMs > Math.max(3, 0.5 * cost.meanMs) || this.#freeAt(now) - now < soonMs
  }

  /** When the next line will be free, if the slow ones that have one take as long as usual. */
  #freeAt(now: number): number {
    let soonest = Infinity
    for (const { head } of this.lines) {
      if (head === undefined || !head.exclusive) continue
      const at = head.headSince + head.statement.profile.cost.completedMeanMs
      // One that should be over may take for ever.
      if (at > now - soonMs && at < soonest) soonest = at
    }
    return soonest
  }
}

/** How long one waits for the last line of which nothing is known. */
const strangerMs = 50
/** How often one more is tried of a text of which others are stuck. */
const probeEveryMs = 250
/** For how long after the last shared statement a line is kept for the next. */
const reserveMs = 1_000
/** For how long shared statements may be left without a line, by what is known of the others. */
const soonMs = 1
/** For how long after a slow one came others may wait for it. */
const slowForMs = 2_000
