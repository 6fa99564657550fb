import type { ConnectionsError } from '../../errors.ts'
import { brief, describeFailure, queueFullOf, sessionStateOf, timeoutOf, waitTimeoutOf } from '../failures.ts'
import type { CheckedOptions, QueryOptions, QueryResult } from '../options.ts'
import { closedError } from '../pool-errors.ts'
import type { StatementLog } from '../statement-log.ts'
import type { ResultFormat } from '../wire/answer.ts'
import { waitChannel, type WaitMessage } from '../../telemetry.ts'
import { Binder, type Binding } from './binder.ts'
import { interrupt, interruptAnswered } from './interrupt.ts'
import { LineSupply, type ClientSource } from './line-supply.ts'
import { Profiles } from './profiles.ts'
import { inspect } from './rescue.ts'
import { Sent } from './sent.ts'
import { Statement } from './statement.ts'
import { Ticker } from './ticker.ts'
import { judge } from './verdict.ts'

/** What the multiplexer asks of its pool. */
export interface MultiplexerHost extends ClientSource {
  /** How many callers wait for a connection of their own. */
  readonly wanted: number
  /** Runs a statement on a connection of its own. */
  runAlone(
    text: string,
    values: readonly unknown[] | undefined,
    options: QueryOptions,
  ): Promise<QueryResult<unknown>>
  /** Who has the connections, for a caller who waited in vain. */
  explainWait(): string
  /** Whether after this failure to connect it is worth waiting for the server. */
  mayPass(error: unknown): boolean
}

/**
 * Runs single statements over few connections, several under way on each: they wait in a queue of their text, are
 * bound to a line late, and leave in one piece for each moment and line. Whoever stands behind a slow one is
 * brought to another line, where that does no harm.
 */
export class Multiplexer {
  readonly #pool: string
  readonly #options: CheckedOptions
  readonly #log: StatementLog
  readonly #host: MultiplexerHost
  readonly #profiles = new Profiles(mostProfiles)
  readonly #binder: Binder
  readonly #supply: LineSupply
  readonly #ticker = new Ticker((now, sweep) => this.#tick(now, sweep))
  readonly #objects: ResultFormat
  /** Whether the server refuses what writes, unless it is told that it is a write. */
  readonly #readsSafely: boolean
  #order = 0
  #queued = 0
  #inFlight = 0
  #now = 0
  #pumping = false
  #closing: (() => void) | undefined
  #closed = false

  constructor(pool: string, options: CheckedOptions, log: StatementLog, host: MultiplexerHost) {
    this.#pool = pool
    this.#log = log
    this.#options = options
    this.#host = host
    this.#objects = { rowMode: 'object', types: undefined, maxBytes: options.maxResultBytes }
    this.#binder = new Binder(options.maxSize, options.fairness)
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
    return this.#queued
  }

  /** How many lines there are, and how many of them have nothing to do. */
  get lines(): { readonly open: number; readonly idle: number; readonly coming: number } {
    const { lines } = this.#binder
    const idle = lines.filter(({ inFlight }) => inFlight === 0).length
    return { open: lines.length, idle, coming: this.#supply.coming }
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
    return new Promise((resolve, reject) => {
      const now = this.#touch()
      const statement = new Statement(profile, values, options, this.#order++, now, resolve, reject)
      this.#limit(statement, options)
      this.#queued++
      this.#log.counts.statements++
      this.#binder.add(statement)
    })
  }

  /** Returns a line to the pool for a caller who wants a connection of its own, as soon as one is empty. */
  yieldLine(): void {
    const { lines } = this.#binder
    const staying = lines.filter(({ leaving }) => leaving === undefined)
    if (lines.length - staying.length >= this.#host.wanted) return
    if (staying.length === 1 && this.#options.maxSize > 1 && this.#queued + this.#inFlight > 0) return
    const emptiest = staying.sort((a, b) => a.inFlight - b.inFlight || a.workMs - b.workMs)[0]
    if (emptiest === undefined) return
    emptiest.leave('whole')
    if (emptiest.inFlight === 0) this.#supply.giveBack(emptiest)
  }

  /** Takes no more statements, and resolves when those that are here are done and the lines returned. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#queued + this.#inFlight > 0) {
      await new Promise<void>((resolve) => (this.#closing = resolve))
    }
    this.#supply.close()
    for (const line of [...this.#binder.lines]) this.#supply.giveBack(line)
    this.#ticker.stop()
  }

  /** What is under way or waits, oldest first: for how long, and its text. */
  pending(): readonly { readonly heldMs: number; readonly label: string }[] {
    const now = performance.now()
    return [...this.#unsettled()]
      .sort((a, b) => a.order - b.order)
      .map(({ arrivedAt, text }) => ({ heldMs: now - arrivedAt, label: `${this.#pool}: ${brief(text)}` }))
  }

  /** Rejects whatever is not done yet. */
  abandon(error?: unknown): void {
    for (const statement of this.#unsettled())
      this.#giveUp(statement, error ?? closedError(this.#pool, statement.sentAt > 0))
  }

  #unsettled(): Set<Statement> {
    const found = new Set(this.#binder.statements())
    for (const line of this.#binder.lines) {
      for (const { statement } of line.sent) if (!statement.settled) found.add(statement)
    }
    return found
  }

  /** The time, one reading for all that happens at this moment; and a pump when the moment is over. */
  #touch(afterCallers = false): number {
    if (this.#pumping) return this.#now
    this.#pumping = true
    this.#now = performance.now()
    this.#ticker.start()
    // Callers that were answered come first: what they ask next leaves with the rest.
    if (afterCallers) queueMicrotask(() => process.nextTick(this.#pump))
    else process.nextTick(this.#pump)
    return this.#now
  }

  readonly #pump = (): void => {
    this.#pumping = false
    const now = performance.now()
    this.#now = now
    const { lines } = this.#binder
    if (this.#queued > 0) {
      this.#binder.begin(now)
      for (let binding = this.#binder.next(now); binding !== undefined; binding = this.#binder.next(now)) {
        this.#send(binding, now)
      }
      for (const line of lines) line.client.wire.flush()
      if (this.#binder.wantsLine || lines.length === 0) this.#supply.grow(now)
      if (this.#queued > this.#options.maxWaiting) this.#shed()
    }
    if (this.#host.wanted > 0) this.yieldLine()
    if (this.#closing !== undefined && this.#queued + this.#inFlight === 0) this.#closing()
  }

  #send({ statement, line, exclusive, share }: Binding, now: number): void {
    this.#queued--
    const { profile, values, options } = statement
    const { wire } = line.client
    const { name, rowMode, types } = options
    const format = rowMode === undefined && types === undefined ? this.#objects : this.#formatOf(options)
    const prepare = values !== undefined || name !== undefined
    try {
      const prepared = prepare ? wire.prepared.of(profile.text, name) : undefined
      const writes = line.guarded && profile.kind === 'write' && options.replica !== true
      const parses = prepared?.described !== true
      const sent = new Sent(statement, line, format, now, share, exclusive, parses, writes)
      wire.run(sent, profile.text, values ?? [], prepared, writes ? wire.writable : undefined)
      line.push(sent)
    } catch (error) {
      return this.#fail(statement, error)
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
    const now = this.#touch(true)
    const headMs = now - sent.headSince
    line.lastAnswerAt = now
    this.#inFlight--
    profile.inFlight--
    if (sent.exclusive) profile.exclusive--
    statement.copies--
    profile.answered(sent, headMs, wire.lostBy !== undefined)
    if (!statement.settled) this.#judge(sent)
    if (line.interrupted !== undefined) interruptAnswered(line, sent)
    if (line.leaving !== undefined && line.inFlight === 0) this.#supply.giveBack(line)
  }

  #judge(sent: Sent): void {
    const { statement, line } = sent
    const verdict = judge(sent, this.#options.maxSize)
    switch (verdict) {
      case 'result':
        return this.#succeed(statement, sent.result())
      case 'session':
        line.leave('broken')
        statement.profile.kind = 'session'
        return this.#fail(statement, sessionStateOf(this.#pool, statement.text, true))
      case 'own':
        statement.profile.kind = 'own'
        return this.#toItsOwn(statement)
      case 'write':
        if (statement.profile.kind === 'shared') statement.profile.kind = 'write'
        return this.#again(statement)
      case 'again':
        statement.lost(line.openedAt, this.#now)
        if (sent.prepared !== undefined) line.client.wire.prepared.forget(sent.prepared)
        return this.#again(statement)
      case 'failed': {
        // Another copy of it may still be answered.
        const lost = line.client.wire.lostBy !== undefined
        if (lost && (statement.copies > 0 || statement.queued)) return
        const { text } = statement
        this.#fail(
          statement,
          describeFailure(sent.failure!.error, { pool: this.#pool, what: text, lost, mayHaveRun: true }),
        )
      }
    }
  }

  #again(statement: Statement): void {
    if (statement.queued || statement.copies > 0) return
    this.#queued++
    this.#binder.addAgain(statement)
  }

  #toItsOwn(statement: Statement): void {
    const { text, values, options } = statement
    this.#unqueue(statement)
    statement.resolve(this.#host.runAlone(text, values, options))
  }

  #succeed(statement: Statement, result: QueryResult<unknown>): void {
    this.#unqueue(statement)
    statement.resolve(result)
    this.#log.done('shared', statement.text, statement.arrivedAt, result.rowCount ?? 0)
  }

  #fail(statement: Statement, error: unknown): void {
    this.#unqueue(statement)
    statement.reject(error)
    this.#log.failed('shared', statement.text, statement.arrivedAt, error)
  }

  #unqueue(statement: Statement): void {
    if (!statement.queued) return
    statement.queued = false
    this.#queued--
    statement.profile.settledInQueue()
  }

  /** Its caller hears at once; the server is interrupted when it works on it. */
  #giveUp(statement: Statement, error: unknown): void {
    if (statement.settled) return
    this.#touch()
    statement.expired = true
    this.#fail(statement, error)
    for (const line of this.#binder.lines) {
      for (const sent of line.sent) if (sent.statement === statement) sent.unwanted = true
      if (line.head?.statement === statement) interrupt(line)
    }
  }

  #limit(statement: Statement, { timeoutMs, signal }: QueryOptions): void {
    if (timeoutMs === undefined && signal === undefined) return
    const timer =
      timeoutMs &&
      setTimeout(() => this.#giveUp(statement, this.#timeout(statement, timeoutMs)), Math.max(1, timeoutMs))
    const onAbort = (): void => this.#giveUp(statement, signal?.reason)
    signal?.addEventListener('abort', onAbort)
    statement.release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #timeout(statement: Statement, timeoutMs: number): ConnectionsError {
    if (statement.sentAt > 0) return timeoutOf(this.#pool, statement.text, timeoutMs)
    this.#log.counts.timeouts++
    return waitTimeoutOf(this.#pool, timeoutMs, this.#host.explainWait())
  }

  #tick(now: number, sweep: boolean): boolean {
    for (const line of this.#binder.lines) {
      const { head } = line
      if (head === undefined) continue
      if (head.statement.expired && now - head.headSince > 1) interrupt(line)
      for (const { statement } of inspect(line, now).toReversed()) {
        this.#queued++
        this.#binder.addAgain(statement)
      }
    }
    if (sweep) this.#sweep(now)
    if (this.#queued > 0) this.#touch()
    return this.#queued + this.#inFlight > 0 || this.#binder.lines.length > 0
  }

  /** Ends what is past the pool's limits, and returns lines that nobody needed for a while. */
  #sweep(now: number): void {
    const { acquireTimeoutMs, statementTimeoutMs } = this.#options
    for (const statement of this.#unsettled()) {
      const { sentAt, arrivedAt } = statement
      const limitMs = sentAt > 0 ? statementTimeoutMs : acquireTimeoutMs
      const own = sentAt > 0 && statement.options.timeoutMs !== undefined
      if (!own && now - (sentAt || arrivedAt) > limitMs)
        this.#giveUp(statement, this.#timeout(statement, limitMs))
    }
    for (const line of [...this.#binder.lines]) {
      if (line.inFlight === 0 && now - line.lastAnswerAt > idleLineMs) this.#supply.giveBack(line)
    }
  }

  /** Those that came last are refused when more wait than may. */
  #shed(): void {
    const room = this.#options.maxWaiting + this.#options.maxSize - this.#binder.lines.length
    if (this.#queued <= room) return
    const waiting = [...this.#binder.statements()].sort((a, b) => a.order - b.order)
    for (const statement of waiting.slice(room)) {
      this.#giveUp(statement, queueFullOf(this.#pool, this.#options.maxWaiting))
    }
  }

  #noLine(error: unknown): void {
    // There are others, or the server is only away for a while: each statement waits within its limit.
    if (this.#binder.lines.length > 0 || this.#host.mayPass(error)) {
      if (this.#queued > 0) this.#touch()
      return
    }
    for (const statement of this.#binder.statements()) this.#giveUp(statement, error)
  }

  #formatOf({ rowMode = 'object', types }: QueryOptions): ResultFormat {
    return { rowMode, types, maxBytes: this.#options.maxResultBytes }
  }
}

/** How many texts are remembered. */
const mostProfiles = 1_000
/** How long a line is kept that nobody uses. */
const idleLineMs = 20
