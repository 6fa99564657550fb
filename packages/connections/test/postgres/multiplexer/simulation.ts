import { Binder } from '../../../src/postgres/multiplexer/binder.ts'
import { Line } from '../../../src/postgres/multiplexer/line.ts'
import { Profiles } from '../../../src/postgres/multiplexer/profiles.ts'
import { inspect } from '../../../src/postgres/multiplexer/rescue.ts'
import { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import { format } from '../wire/conversation.ts'

export interface SimulationOptions {
  readonly lines: number
  readonly fairness?: 'equal' | 'isolate'
  /** How long the server works on a statement that it begins now. */
  readonly serviceMs: (text: string, now: number) => number
}

/** How one statement went. */
export interface Course {
  readonly text: string
  readonly arrivedAt: number
  readonly endedAt: number
}

/** A server in virtual time: each line has it work on one statement after the other, for as long as is given. */
export class Simulation {
  readonly binder: Binder
  readonly lines: readonly Line[]
  readonly profiles: Profiles = new Profiles(1_000)
  readonly courses: Course[] = []
  /** The texts in the order in which they were sent. */
  readonly sent: Sent[] = []
  /** Called after each round. */
  onRound: (() => void) | undefined
  now = 10_000
  #order = 0
  #tickAt = 10_001
  /** What is to come. Of two at the same moment the one that was said first comes first. */
  readonly #due: Due[] = []
  readonly #serviceMs: SimulationOptions['serviceMs']

  constructor({ lines, fairness = 'isolate', serviceMs }: SimulationOptions) {
    this.#serviceMs = serviceMs
    this.binder = new Binder(lines, fairness)
    for (let i = 0; i < lines; i++) this.binder.lines.push(this.#line())
    this.lines = this.binder.lines
  }

  /** A statement arrives. Tells its caller when it was answered. */
  ask(text: string, onEnd?: () => void): Statement {
    const arrivedAt = this.now
    const resolve = (): void => {
      this.courses.push({ text, arrivedAt, endedAt: this.now })
      onEnd?.()
    }
    const profile = this.profiles.of(text)
    const statement = new Statement(profile, [], {}, this.#order++, arrivedAt, resolve, () => {})
    this.binder.add(statement)
    return statement
  }

  /** Has something done so much later. */
  after(ms: number, run: () => void): void {
    this.#due.push({ at: this.now + ms, run })
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    const end = this.now + ms
    this.round()
    for (;;) {
      const next = this.#next()
      const at = Math.min(next?.at ?? Infinity, this.#tickAt)
      if (at > end) break
      this.now = at
      if (next?.at === at) {
        this.#due.splice(this.#due.indexOf(next), 1)
        next.run()
      } else {
        this.#tickAt++
        this.#tick()
      }
      this.round()
    }
    this.now = end
  }

  round(): void {
    this.binder.begin(this.now)
    for (let next = this.binder.next(this.now); next !== undefined; next = this.binder.next(this.now)) {
      const { statement, line, exclusive, share } = next
      const sent = new Sent(statement, line, format, this.now, share, exclusive, false, false)
      line.push(sent)
      statement.copies++
      statement.sentAt ||= this.now
      statement.profile.inFlight++
      if (exclusive) statement.profile.exclusive++
      this.sent.push(sent)
      if (line.head === sent) this.#serve(line)
    }
    this.onRound?.()
  }

  /** Makes a text known by so many runs. */
  learn(text: string, ms: number, runs = 40): void {
    for (let i = 0; i < runs; i++) this.profiles.of(text).cost.completed(ms)
  }

  /** How long those of a text took, the shortest first. */
  took(text: string): number[] {
    return this.courses
      .filter((course) => course.text === text)
      .map(({ arrivedAt, endedAt }) => endedAt - arrivedAt)
      .toSorted((a, b) => a - b)
  }

  #next(): Due | undefined {
    let next = this.#due[0]
    for (const due of this.#due) if (due.at < next!.at) next = due
    return next
  }

  #serve(line: Line): void {
    const { head } = line
    if (head === undefined) return
    const ms = this.#serviceMs(head.statement.text, this.now)
    if (ms < Infinity) this.after(ms, () => line.answered(head))
  }

  #tick(): void {
    for (const line of this.lines) {
      for (const { statement } of inspect(line, this.now)) this.binder.addAgain(statement)
    }
  }

  #line(): Line {
    // Nothing is said on its connection here.
    return new Line({} as never, true, {
      onAnswer: (sent) => this.#answered(sent),
      onOverflow: () => {},
    })
  }

  #answered(sent: Sent): void {
    const { statement, line } = sent
    const { profile } = statement
    const headMs = this.now - sent.headSince
    line.lastAnswerAt = this.now
    profile.inFlight--
    if (sent.exclusive) profile.exclusive--
    statement.copies--
    profile.answered(sent, headMs, false)
    if (!statement.settled) {
      this.binder.withdraw(statement)
      statement.resolve(sent.result())
    }
    this.#serve(line)
  }
}

interface Due {
  readonly at: number
  readonly run: () => void
}
