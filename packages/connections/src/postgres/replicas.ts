import type { HealthOptions, WarmOptions } from '../driver.ts'
import { ConnectionsError } from '../errors.ts'
import type { CloseReport, HealthCheck } from '../report.ts'
import { fallbackChannel, type FallbackMessage } from '../telemetry.ts'
import { brief } from './failures.ts'
import type { CheckedOptions } from './options.ts'
import { PostgresServer } from './postgres-server.ts'
import { Replica, type FallbackReason } from './replica.ts'
import { replicaOptions } from './replica-endpoint.ts'
import { LagHistory, positionOfPrimary } from './replica-lag.ts'

/** Figures of replicas by their number, from 1. */
export type ReplicaStats = Readonly<{
  /** Whether it answered, as a replica, when it was last asked. */
  [healthy: `replicas.${number}.healthy`]: boolean
  /** How old its data is at most; Infinity when that is not known. */
  [lagMs: `replicas.${number}.lagMs`]: number
  /** Statements, transactions and cursors sent to it. */
  [statements: `replicas.${number}.statements`]: number
}>

/** What somebody has who runs something on a replica or, in its place, on the primary. */
export interface RunLimits {
  readonly signal?: AbortSignal | undefined
  /** For both together. */
  readonly timeoutMs?: number | undefined
  /** Whether what a replica failed may still run elsewhere. @default always */
  readonly mayMove?: (() => boolean) | undefined
}

/** What is left of a time, if there was a limit. */
export type TimeLeft = Pick<RunLimits, 'timeoutMs'>

/**
 * The replicas of a primary: each statement goes to the one with the least to do among those whose data is known
 * not to be too old. Their lag is measured while they are asked for something, and for a while after.
 */
export class Replicas {
  readonly #primary: PostgresServer
  readonly #maxLagMs: number
  readonly #replicas: readonly Replica[]
  readonly #history = new LagHistory()
  #timer: NodeJS.Timeout | undefined
  #usedAt = -Infinity
  /** Since when the lag is being measured. */
  #awakeAt = Infinity
  #measuring: Promise<void> | undefined
  #turn = 0
  /** How often something for a replica went to the primary. */
  fallbacks = 0
  #closed = false

  constructor(options: CheckedOptions, primary: PostgresServer) {
    this.#primary = primary
    this.#maxLagMs = options.maxLagMs
    this.#replicas = (options.replicas ?? []).map(
      (endpoint, i) =>
        new Replica(
          new PostgresServer(`${primary.name}-replica-${i + 1}`, replicaOptions(options, endpoint), nothing),
        ),
    )
  }

  /**
   * Runs something that reads on a replica. When none is fit, or the one that was is lost or in conflict with what
   * it replays, it runs on the primary, in the time that is left.
   */
  async run<R>(
    onReplica: (server: PostgresServer) => Promise<R>,
    onPrimary: (left: TimeLeft) => Promise<R>,
    { signal, timeoutMs, mayMove = always }: RunLimits,
  ): Promise<R> {
    const startedAt = timeoutMs === undefined ? 0 : performance.now()
    let left: TimeLeft = none
    const replica = this.#choose()
    let reason: FallbackReason | undefined
    if (replica === undefined) {
      reason = this.#replicas.some(({ problem }) => problem === undefined) ? 'lag' : 'down'
    } else {
      replica.inFlight++
      replica.statements++
      try {
        return await onReplica(replica.server)
      } catch (error) {
        reason = replica.failed(error)
        if (reason === undefined || signal?.aborted === true || !mayMove()) throw error
        if (timeoutMs !== undefined) left = { timeoutMs: timeoutMs - (performance.now() - startedAt) }
        if (left.timeoutMs !== undefined && left.timeoutMs < 1) throw error
      } finally {
        replica.inFlight--
      }
    }
    this.fallbacks++
    if (fallbackChannel.hasSubscribers) {
      fallbackChannel.publish({ pool: this.#primary.name, reason } satisfies FallbackMessage)
    }
    return onPrimary(left)
  }

  /** Connects to those that are there, and learns their lag. One that is not there is told by `health` and `stats`. */
  async warm(options: WarmOptions): Promise<void> {
    const outcomes = await Promise.allSettled(this.#replicas.map(({ server }) => server.warm(options)))
    for (const outcome of outcomes)
      if (outcome.status === 'rejected' && isTooMany(outcome.reason)) throw outcome.reason
    this.#use()
    await this.#measure()
  }

  /** How each of them is. None is critical: the primary stands in. */
  health(options: HealthOptions): Promise<readonly HealthCheck[]> {
    return Promise.all(
      this.#replicas.map(async (replica) => {
        const check = await replica.server.health(options)
        const error = check.error ?? this.#complaint(replica)
        return Object.freeze({ ...check, ok: error === undefined, critical: false, ...(error && { error }) })
      }),
    )
  }

  stats(): ReplicaStats {
    const now = performance.now()
    const figures: { -readonly [K in keyof ReplicaStats]: ReplicaStats[K] } = {}
    for (const [i, replica] of this.#replicas.entries()) {
      figures[`replicas.${i + 1}.healthy`] = replica.problem === undefined
      figures[`replicas.${i + 1}.lagMs`] = replica.lagMs(now)
      figures[`replicas.${i + 1}.statements`] = replica.statements
    }
    return figures
  }

  close(deadlineMs: number): readonly Promise<CloseReport>[] {
    this.#closed = true
    this.#rest()
    return this.#replicas.map(({ server }) => server.close(deadlineMs))
  }

  /** The one with the least under way of those that are fit, in turn where they are equal. */
  #choose(): Replica | undefined {
    this.#use()
    const { length } = this.#replicas
    this.#turn = (this.#turn + 1) % length
    const now = performance.now()
    let best: Replica | undefined
    for (let i = 0; i < length; i++) {
      const replica = this.#replicas[(this.#turn + i) % length]!
      if (replica.problem !== undefined || replica.lagMs(now) > this.#maxLagMs) continue
      if (best === undefined || replica.inFlight < best.inFlight) best = replica
    }
    return best
  }

  /** What is wrong with one that answers. */
  #complaint(replica: Replica): string | undefined {
    const now = performance.now()
    if (now - this.#awakeAt < this.#maxLagMs) return undefined
    if (replica.problem !== undefined) return replica.problem
    const lagMs = replica.lagMs(now)
    if (lagMs <= this.#maxLagMs) return undefined
    const known = lagMs === Infinity ? 'not known' : `up to ${Math.round(lagMs)} ms`
    return `its lag is ${known}, more than maxLagMs (${this.#maxLagMs})`
  }

  #use(): void {
    this.#usedAt = performance.now()
    if (this.#timer !== undefined || this.#closed) return
    this.#awakeAt = this.#usedAt
    // Several times within the limit, as what is known grows old.
    const everyMs = Math.min(1_000, Math.max(10, this.#maxLagMs / 4))
    this.#timer = setInterval(() => this.#beat(), everyMs).unref()
    this.#beat()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#awakeAt = Infinity
  }

  #beat(): void {
    if (performance.now() - this.#usedAt > restAfterMs) this.#rest()
    else void this.#measure()
  }

  /** Never rejects. One that does not answer does not hold up the others. */
  async #measure(): Promise<void> {
    await (this.#measuring ??= this.#mark().finally(() => (this.#measuring = undefined)))
    if (this.#closed) return
    await Promise.all(this.#replicas.map((replica) => replica.ask(this.#history, askTimeoutMs)))
  }

  async #mark(): Promise<void> {
    const at = performance.now()
    try {
      const position = await positionOfPrimary(this.#primary, askTimeoutMs)
      const how = this.#history.add(at, position)
      for (const replica of this.#replicas) {
        if (how === 'went back') replica.forget()
        replica.compare(at, position)
      }
    } catch {
      // What is known grows old, until nothing is known to be fresh.
    }
  }
}

/** A statement that was to read, and would have written. */
export function refusedWrite(pool: string, text: string, error: unknown): unknown {
  if (!(error instanceof ConnectionsError) || error.sqlState !== '25006') return error
  const message = `${pool}: a statement with replica: true may only read, and this one writes: ${brief(text)}`
  return new ConnectionsError('CONNECTIONS_QUERY', message, { cause: error.cause, sqlState: '25006' })
}

const nothing = (): Record<string, never> => ({})
function isTooMany(error: unknown): boolean {
  return error instanceof ConnectionsError && error.code === 'CONNECTIONS_TOO_MANY'
}

const always = (): boolean => true
const none: TimeLeft = {}
/** How long one question may take. */
const askTimeoutMs = 2_000
/** How long the lag is measured after the last use. */
const restAfterMs = 30_000
