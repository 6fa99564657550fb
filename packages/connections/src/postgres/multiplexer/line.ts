import type { ConnectionsError } from '../../errors.ts'
import { Fifo } from '../../fifo.ts'
import type { PostgresClient } from '../client.ts'
import type { Sent } from './sent.ts'

/** Who hears what happens on a line. */
export interface LineListener {
  onAnswer(sent: Sent): void
  onOverflow(sent: Sent, error: ConnectionsError): void
}

/** A connection shared by statements: those under way on it, in order, and whether more may be put behind them. */
export class Line {
  readonly client: PostgresClient
  /** Whether the server refuses to write there unless it is told to: what succeeds has only read. */
  readonly guarded: boolean
  readonly #listener: LineListener
  readonly #sent = new Fifo<Sent>()
  /** How much of it is taken: the shares of those under way. */
  load = 0
  /** For how many reasons nothing may be put behind what is under way. */
  seals = 0
  lastAnswerAt = 0
  /** How many times its head was seen standing there for too long. */
  sightings = 0
  /** The age of its head at which the running time is told to the estimate next. */
  nextToldMs = 0
  /** When its connection was made, for whomever. */
  readonly openedAt: number
  /** The server was asked to interrupt this one; until it is answered, nobody knows whom that hits. */
  interrupted: Sent | undefined
  /** How many requests to interrupt are on their way, and when the last was over. */
  cancels = 0
  interruptedUntil: number = -Infinity
  /** What it holds is finished, and it is returned then: broken or not. */
  leaving: 'whole' | 'broken' | undefined

  constructor(client: PostgresClient, guarded: boolean, listener: LineListener) {
    this.client = client
    this.openedAt = client.connectedAt
    this.guarded = guarded
    this.#listener = listener
  }

  get head(): Sent | undefined {
    return this.#sent.first
  }

  get inFlight(): number {
    return this.#sent.length
  }

  /** How long those under way are expected to take, in milliseconds. */
  get workMs(): number {
    let sum = 0
    for (const { statement } of this.#sent) sum += statement.profile.cost.meanMs
    return sum
  }

  /** All under way; the head first. */
  get sent(): Iterable<Sent> {
    return this.#sent
  }

  push(sent: Sent): void {
    this.#sent.push(sent)
    this.load += sent.share
    if (sent.exclusive) this.seals++
  }

  answered(sent: Sent): void {
    this.#sent.shift()
    this.sightings = 0
    this.nextToldMs = 0
    if (sent.exclusive) this.seals--
    if (sent.stuck) this.seals--
    // Sums of fractions drift.
    this.load = this.#sent.length === 0 ? 0 : this.load - sent.share
    this.#listener.onAnswer(sent)
  }

  overflowed(sent: Sent, error: ConnectionsError): void {
    this.#listener.onOverflow(sent, error)
  }

  /** Nothing more is to be put on it; it is returned as soon as it is empty. */
  leave(how: 'whole' | 'broken'): void {
    if (this.leaving === undefined) this.seals++
    if (this.leaving !== 'broken') this.leaving = how
  }
}
