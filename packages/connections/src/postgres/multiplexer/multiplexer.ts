import { brief, sessionStateOf, unreachable } from '../failures.ts'
import type { CheckedOptions, QueryOptions, QueryResult } from '../options.ts'
import { closedError } from '../pool-errors.ts'
import type { StatementLog } from '../statement-log.ts'
import type { ResultFormat } from '../wire/answer.ts'
import { waitChannel, type WaitMessage } from '../../telemetry.ts'
import { GradientLimit } from '../gradient-limit.ts'
import { Binder } from './binder.ts'
import type { MultiplexerHost } from './host.ts'
import { interrupt, interruptAnswered } from './interrupt.ts'
import { LaneWatch } from './lane-watch.ts'
import type { Line } from './line.ts'
import { LineSupply, type LineCounts } from './line-supply.ts'
import { Limits } from './limits.ts'
import { Outcomes } from './outcomes.ts'
import { Profiles } from './profiles.ts'
import { inspect } from './rescue.ts'
import { Sent } from './sent.ts'
import { Statement } from './statement.ts'
import { Ticker } from './ticker.ts'
import { unsettled } from './unsettled.ts'

/**
 * Runs single statements over few connections, several under way on each: they wait in a queue of their text, are
 * bound to a line late, and leave in one piece for each moment and line. Whoever stands behind a slow one is
 * brought to another line, where that does no harm.
 */
export class Multiplexer {
  readonly #pool: string
  readonly #log: StatementLog
  readonly #host: MultiplexerHost
  readonly #profiles = new Profiles(mostProfiles)
  readonly #binder: Binder
  readonly #supply: LineSupply
  readonly #outcomes: Outcomes
  readonly #limits: Limits
  readonly #lanes: LaneWatch
  readonly #ticker = new Ticker((now, sweep) => this.#tick(now, sweep))
  readonly #objects: ResultFormat
  /** How many the server is given at once, if that is to be found out. */
  readonly #limit: GradientLimit | undefined
  /** Whether the server refuses what writes, unless it is told that it is a write. */
  readonly #readsSafely: boolean
  #order = 0
  #inFlight = 0
  /** How many were left waiting when lines were last given out. */
  #left = 0
  #now = 0
  /** When there was last more than one statement. */
  #crowdedAt = -Infinity
  #pumping = false
  #closing: (() => void) | undefined
  #closed = false

  constructor(pool: string, options: CheckedOptions, log: StatementLog, host: MultiplexerHost) {
    this.#pool = pool
    this.#log = log
    this.#host = host
    this.#objects = { rowMode: 'object', types: undefined, maxBytes: options.maxResultBytes }
    this.#binder = new Binder(options.maxSize, options.fairness)
    this.#lanes = new LaneWatch(this.#binder)
    this.#outcomes = new Outcomes(pool, options.maxSize, log, host, this.#binder)
    this.#limits = new Limits(pool, options, log, host, (statement, error) => this.#giveUp(statement, error))
    if (options.adaptiveLimit) this.#limit = new GradientLimit({ max: mostOnALine * options.maxSize })
    const guarded = !options.pgBouncer && options.maxPrepared > 0
    this.#readsSafely = guarded || options.isReplica === true
    this.#supply = new LineSupply(host, this.#binder.lines, options.maxSize, guarded, {
      onAnswer: (sent) => this.#answered(sent),
      onOverflow: (sent, error) => this.#giveUp(sent.statement, error),
      onLine: () => this.#touch(),
      onFailure: (error) => this.#noLine(error),
    })
  }

  /** How many statements wait to be sent. */
  get queued(): number {
    return this.#binder.queued
  }

  get lines(): LineCounts {
    return this.#supply.counts
  }

  query(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<unknown>> {
    const profile = this.#profiles.of(text)
    if (profile.kind === 'own') return this.#host.runAlone(text, values, options)
    if (profile.kind === 'session') return Promise.reject(sessionStateOf(this.#pool, text, false))
    // Nothing would keep it from writing on a connection that it shares.
    if (options.replica === true && !this.#readsSafely) return this.#host.runAlone(text, values, options)
    if (options.signal?.aborted) return Promise.reject(options.signal.reason)
    if (this.#closed) return Promise.reject(closedError(this.#pool))
    if (this.#left > 0) {
      const refusal = this.#limits.refusal(this.#left, this.#binder.lines.length)
      if (refusal !== undefined) return Promise.reject(refusal)
    }
    if (options.writes === true && profile.kind === 'shared') profile.kind = 'write'
    return new Promise((resolve, reject) => {
      const alone = this.#isAlone()
      const now = this.#touch(alone ? 'by hand' : 'when the moment is over')
      const statement = new Statement(profile, values, options, this.#order++, now, resolve, reject)
      this.#limits.watch(statement)
      this.#log.counts.statements++
      const line = alone && this.#mayGive ? this.#binder.lineAtOnce(profile, now) : undefined
      if (line !== undefined) return this.#sendAtOnce(statement, line, now)
      this.#binder.add(statement)
      if (alone) this.#bind(now)
    })
  }

  /** Returns a line to the pool for a caller who wants a connection of its own, as soon as one is empty. */
  yieldLine(): void {
    this.#supply.yieldLine(this.#host.wanted, this.#binder.queued + this.#inFlight > 0)
  }

  /** Takes no more statements, and resolves when those that are here are done and the lines returned. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#binder.queued + this.#inFlight > 0) {
      await new Promise<void>((resolve) => (this.#closing = resolve))
    }
    this.#supply.close()
    for (const line of this.#binder.lines.slice()) this.#supply.giveBack(line)
    this.#ticker.stop()
  }

  /** What is under way or waits, oldest first: for how long, and its text. */
  pending(): readonly { readonly heldMs: number; readonly label: string }[] {
    const now = performance.now()
    return [...unsettled(this.#binder)]
      .toSorted((a, b) => a.order - b.order)
      .map(({ arrivedAt, text }) => ({ heldMs: now - arrivedAt, label: `${this.#pool}: ${brief(text)}` }))
  }

  /** Rejects whatever is not done yet. */
  abandon(error?: unknown): void {
    for (const statement of unsettled(this.#binder))
      this.#giveUp(statement, error ?? closedError(this.#pool, statement.sentAt > 0))
  }

  /** Whether there is one caller only, now and for a while: then nothing is gained by waiting for others. */
  #isAlone(): boolean {
    if (this.#inFlight + this.#binder.queued > 0) this.#crowdedAt = this.#now
    return !this.#pumping && this.#now - this.#crowdedAt > crowdedForMs
  }

  /** The time, one reading for all that happens at this moment; and a pump when that is over. */
  #touch(
    pump: 'when the moment is over' | 'after the callers' | 'by hand' = 'when the moment is over',
  ): number {
    if (this.#pumping) return this.#now
    this.#pumping = true
    this.#now = performance.now()
    this.#ticker.start()
    // Callers that were answered come first: what they ask next leaves with the rest.
    if (pump === 'after the callers') queueMicrotask(this.#pumpNextTick)
    else if (pump === 'when the moment is over') process.nextTick(this.#pump)
    return this.#now
  }

  readonly #pumpNextTick = (): void => process.nextTick(this.#pump)

  readonly #pump = (): void => this.#bind(performance.now())

  /** Sends what finds a line. */
  #bind(now: number): void {
    this.#pumping = false
    this.#now = now
    const { lines } = this.#binder
    if (this.#binder.queued > 0) {
      this.#binder.begin(now)
      while (this.#mayGive) {
        const binding = this.#binder.next(now)
        if (binding === undefined) break
        this.#send(binding.statement, binding.line, binding.exclusive, binding.share, now)
      }
      for (const line of lines) line.client.wire.flush()
      if (this.#binder.wantsLine || lines.length === 0) this.#supply.grow(now)
      this.#limits.shed(this.#binder)
    }
    this.#left = this.#binder.queued
    if (this.#host.wanted > 0) this.yieldLine()
    if (this.#closing !== undefined && this.#binder.queued + this.#inFlight === 0) this.#closing()
  }

  get #mayGive(): boolean {
    return this.#limit === undefined || this.#inFlight < this.#limit.limit
  }

  #sendAtOnce(statement: Statement, line: Line, now: number): void {
    this.#pumping = false
    this.#send(statement, line, false, 1 / statement.profile.cost.depth, now)
    line.client.wire.flush()
  }

  #send(statement: Statement, line: Line, exclusive: boolean, share: number, now: number): void {
    const { profile, values, options } = statement
    if (profile.kind === 'own' || profile.kind === 'session') return this.#outcomes.refuse(statement)
    const { wire } = line.client
    const { name, rowMode = 'object', types } = options
    const asUsual = rowMode === 'object' && types === undefined
    const format = asUsual ? this.#objects : { ...this.#objects, rowMode, types }
    const prepare = values !== undefined || name !== undefined
    try {
      const prepared = prepare ? wire.prepared.of(profile.text, name) : undefined
      const writes = line.guarded && profile.kind === 'write' && options.replica !== true
      const parses = prepared?.described !== true
      const sent = new Sent(statement, line, format, now, share, exclusive, parses, writes)
      wire.run(sent, profile.text, values ?? [], prepared, writes ? wire.writable : undefined)
      line.push(sent)
    } catch (error) {
      return this.#outcomes.fail(statement, error)
    }
    this.#inFlight++
    profile.inFlight++
    if (exclusive) profile.exclusive++
    statement.copies++
    if (statement.sentAt > 0) return
    statement.sentAt = now
    const waitedMs = now - statement.arrivedAt
    if (waitedMs >= 1 && waitChannel.hasSubscribers) {
      waitChannel.publish({ pool: this.#pool, waitedMs } satisfies WaitMessage)
    }
  }

  #answered(sent: Sent): void {
    const { statement, line } = sent
    const { profile } = statement
    const { wire } = line.client
    const isLost = wire.lostBy !== undefined
    const now = isLost ? performance.now() : wire.heardAt
    const headMs = now - sent.headSince
    if (this.#limit !== undefined && !isLost && !sent.stuck) {
      this.#limit.sample(Math.max(0, now - sent.sentAt), this.#inFlight)
    }
    line.lastAnswerAt = now
    this.#inFlight--
    profile.inFlight--
    if (sent.exclusive) profile.exclusive--
    statement.copies--
    profile.answered(sent, headMs, isLost)
    this.#outcomes.answered(sent, now)
    if (line.interrupted !== undefined) interruptAnswered(line, sent)
    if (line.leaving !== undefined && line.inFlight === 0) this.#supply.giveBack(line)
    // What waits needs a pump. Of callers that ask again, the first makes one.
    if (this.#binder.queued > 0 || this.#host.wanted > 0 || this.#closing !== undefined)
      this.#touch('after the callers')
  }

  /** Its caller hears at once; the server is interrupted when it works on it. */
  #giveUp(statement: Statement, error: unknown): void {
    if (statement.settled) return
    this.#touch()
    statement.expired = true
    this.#outcomes.fail(statement, error)
    if (statement.copies === 0) return
    for (const line of this.#binder.lines) {
      for (const sent of line.sent) if (sent.statement === statement) sent.unwanted = true
      if (line.head?.statement === statement) interrupt(line)
    }
  }

  #tick(now: number, sweep: boolean): boolean {
    for (const line of this.#binder.lines) {
      const { head } = line
      if (head === undefined) continue
      if (head.statement.expired && now - head.headSince > 1) interrupt(line)
      for (const { statement } of inspect(line, now)) this.#binder.addAgain(statement)
    }
    this.#lanes.look(now)
    if (sweep) {
      this.#limits.sweep(unsettled(this.#binder), now)
      this.#supply.giveBackIdle(now)
    }
    if (this.#binder.queued > 0) this.#touch()
    return this.#binder.queued + this.#inFlight > 0 || this.#binder.lines.length > 0
  }

  #noLine(error: unknown): void {
    // There are others, or the server is only away for a while: each statement waits within its limit, and with the
    // next beat another attempt is made. Made at once, one that is refused at once would leave room for nothing else.
    if (this.#binder.lines.length > 0 || this.#host.mayPass(error)) return
    for (const statement of this.#binder.statements())
      this.#giveUp(statement, unreachable(error, statement.sentAt > 0))
  }
}

/** How long after there was more than one statement a caller counts as one of many. */
const crowdedForMs = 50
/** The most that is put on one connection. */
const mostOnALine = 48
/** How many texts are remembered. */
const mostProfiles = 1_000
