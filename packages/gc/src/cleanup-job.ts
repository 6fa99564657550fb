import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { sectionsUnderWay } from './defer-gc.ts'

/** When a job runs. */
export interface CleanupOptions {
  /** The time between two runs, in milliseconds, from 1. A run that takes longer puts off the next. */
  readonly everyMs: number
  /** Whether a run waits until the event loop was idle for most of the last 50 ms. @default true */
  readonly idleOnly?: boolean | undefined
  /** How long a due run waits for that and for `deferGc`, in milliseconds, from 1; then it runs all the same. @default 10 * everyMs */
  readonly maxDelayMs?: number | undefined
}

/** What a job does. The signal aborts when a close of its scheduler has reached the deadline. */
export type CleanupWork = (signal: AbortSignal) => unknown

/** A run under way: since when, and the promise of its end, which never rejects. */
export interface CleanupRun {
  readonly startedAt: number
  readonly ended: Promise<void>
}

/** What a job tells its scheduler. */
export interface JobListener {
  late(): void
  completed(): void
  failed(reason: unknown): void
}

/** Waits, finds its moment, runs, and begins again: no run overlaps another. Keeps no process alive. */
export class CleanupJob {
  readonly name: string
  readonly #work: () => unknown
  readonly #options: Readonly<Record<'everyMs' | 'maxDelayMs', number>> & { readonly idleOnly: boolean }
  readonly #listener: JobListener
  readonly #stop = new AbortController()
  #run: CleanupRun | undefined

  constructor(
    name: string,
    work: () => unknown,
    { everyMs, idleOnly = true, maxDelayMs = 10 * everyMs }: CleanupOptions,
    listener: JobListener,
  ) {
    this.name = name
    this.#work = work
    this.#options = { everyMs, idleOnly, maxDelayMs }
    this.#listener = listener
    // Only the stop rejects it.
    this.#repeat().catch(() => {})
  }

  get run(): CleanupRun | undefined {
    return this.#run
  }

  /** Begins no more runs; one under way goes on to its end. */
  stop(): void {
    this.#stop.abort()
  }

  async #repeat(): Promise<never> {
    const { everyMs } = this.#options
    const windowMs = Math.min(longestWindowMs, everyMs)
    for (;;) {
      await this.#sleep(everyMs - windowMs)
      await this.#moment(windowMs)
      const ended = this.#runOnce()
      this.#run = { startedAt: performance.now(), ended }
      await ended
      this.#run = undefined
    }
  }

  async #moment(windowMs: number): Promise<void> {
    const { idleOnly, maxDelayMs } = this.#options
    const latestAt = performance.now() + windowMs + maxDelayMs
    for (;;) {
      const before = performance.eventLoopUtilization()
      await this.#sleep(windowMs)
      const isIdle = !idleOnly || performance.eventLoopUtilization(before).utilization < 0.5
      if (isIdle && sectionsUnderWay() === 0) return
      if (performance.now() >= latestAt) return this.#listener.late()
    }
  }

  async #runOnce(): Promise<void> {
    try {
      await this.#work()
      this.#listener.completed()
    } catch (reason) {
      this.#listener.failed(reason)
    }
  }

  #sleep(ms: number): Promise<void> {
    return sleep(ms, undefined, { ref: false, signal: this.#stop.signal })
  }
}

const longestWindowMs = 50
