import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { registerInstrument } from './instrument.ts'
import { pauseChannel, type PauseMessage } from './telemetry.ts'

/** Options of a monitor. */
export interface GcMonitorOptions {
  /** The name in telemetry. @default 'gc-1', 'gc-2', … */
  readonly name?: string | undefined
}

/**
 * What the garbage collector did while the monitor ran: how often it stopped the program, for how many milliseconds,
 * at most at once, and which share of the time that is, from 0 to 1.
 */
export type GcStats = Readonly<{
  runMs: number
  pauses: number
  pauseMs: number
  longestMs: number
  share: number
  minor: number
  minorMs: number
  major: number
  majorMs: number
  incremental: number
  incrementalMs: number
  weakCallbacks: number
  weakCallbacksMs: number
}>

/**
 * Counts the pauses of this thread's garbage collector by kind and publishes each. Node.js tells of a pause one
 * turn of the event loop later.
 */
export class GcMonitor implements Disposable {
  readonly name: string
  readonly #observer: PerformanceObserver
  readonly #counts = { minor: 0, major: 0, incremental: 0, weakCallbacks: 0 }
  readonly #ms = { minor: 0, major: 0, incremental: 0, weakCallbacks: 0 }
  #longestMs = 0
  #ranMs = 0
  #startedAt: number | undefined
  #unregister: (() => void) | undefined

  constructor(options: GcMonitorOptions = {}) {
    const { name } = options
    if (name !== undefined && (typeof name !== 'string' || name === '')) {
      throw new TypeError(`name must be a string that is not empty, got ${name === '' ? "''" : typeof name}`)
    }
    this.name = name ?? `gc-${++unnamed}`
    // The observer outlives whoever forgets to stop: held weakly, the monitor does not.
    const held = new WeakRef(this)
    this.#observer = new PerformanceObserver((list, observer) => {
      const monitor = held.deref()
      if (monitor === undefined) observer.disconnect()
      else monitor.#add(list.getEntries())
    })
  }

  /** Starts counting, or goes on. Nothing happens when it runs. */
  start(): void {
    if (this.#startedAt !== undefined) return
    this.#startedAt = performance.now()
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#unregister = registerInstrument('gc', this.name, this)
  }

  /** Stops counting; `stats()` keeps what was counted. Nothing happens when it stands. */
  stop(): void {
    this.#add(this.#observer.takeRecords())
    this.#observer.disconnect()
    this.#ranMs = this.#runMs()
    this.#startedAt = undefined
    this.#unregister?.()
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  stats(): GcStats {
    if (this.#startedAt !== undefined) this.#add(this.#observer.takeRecords())
    const counts = this.#counts
    const ms = this.#ms
    const runMs = this.#runMs()
    const pauseMs = ms.minor + ms.major + ms.incremental + ms.weakCallbacks
    return Object.freeze({
      runMs,
      pauses: counts.minor + counts.major + counts.incremental + counts.weakCallbacks,
      pauseMs,
      longestMs: this.#longestMs,
      share: runMs === 0 ? 0 : Math.min(1, pauseMs / runMs),
      ...counts,
      minorMs: ms.minor,
      majorMs: ms.major,
      incrementalMs: ms.incremental,
      weakCallbacksMs: ms.weakCallbacks,
    })
  }

  #runMs(): number {
    return this.#ranMs + (this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt)
  }

  #add(entries: readonly PerformanceEntry[]): void {
    for (const { duration: ms, detail } of entries as readonly GcEntry[]) {
      const kind = kinds.get(detail.kind) ?? 'minor'
      this.#counts[kind]++
      this.#ms[kind] += ms
      if (ms > this.#longestMs) this.#longestMs = ms
      if (pauseChannel.hasSubscribers) pauseChannel.publish({ kind, ms } satisfies PauseMessage)
    }
  }
}

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } }

let unnamed = 0

/** All others are minor: scavenges and, with `--minor-ms`, minor mark-sweeps. */
const kinds = new Map<number, 'major' | 'incremental' | 'weakCallbacks'>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakCallbacks'],
])
