import {
  constants,
  monitorEventLoopDelay,
  performance,
  PerformanceObserver,
  type EventLoopUtilization,
  type PerformanceEntry,
} from 'node:perf_hooks'
import { MetricsCollector } from './metrics-collector.ts'

/** Event loop and garbage collector over the last whole window, or since the start in the first one. */
export interface RuntimeReading {
  readonly eventLoop: EventLoopReading
  readonly gc: GcReading
}

export interface EventLoopReading {
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** Share of the time in which the loop did not wait for events, 0 to 1. */
  readonly utilization: number
}

export interface GcReading {
  /** Time in pauses, in milliseconds. */
  readonly pausesMs: number
  /** Share of the time in pauses, 0 to 1. */
  readonly share: number
}

/** Watches event loop and garbage collector until disposed of; keeps no process alive. */
export class RuntimeSampler implements Disposable {
  /** Every pause since the start, by kind. */
  readonly metrics: MetricsCollector = new MetricsCollector()
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs })
  readonly #pauses = new PerformanceObserver((list) => this.#addPauses(list.getEntries()))
  readonly #timer: NodeJS.Timeout
  #last: RuntimeReading | undefined
  #startedAt = performance.now()
  #loopAtStart: EventLoopUtilization = performance.eventLoopUtilization()
  #pausesMs = 0

  constructor() {
    this.metrics.describe(gcDuration, { help: 'Pauses of the garbage collector.', unit: 'seconds', buckets })
    this.#delay.enable()
    this.#pauses.observe({ entryTypes: ['gc'] })
    this.#timer = setInterval(() => this.#turnWindow(), windowMs).unref()
  }

  read(): RuntimeReading {
    return this.#last ?? this.#current()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#delay.disable()
    this.#pauses.disconnect()
  }

  #turnWindow(): void {
    this.#last = this.#current()
    this.#delay.reset()
    this.#startedAt = performance.now()
    this.#loopAtStart = performance.eventLoopUtilization()
    this.#pausesMs = 0
  }

  #current(): RuntimeReading {
    this.#addPauses(this.#pauses.takeRecords())
    const { utilization } = performance.eventLoopUtilization(this.#loopAtStart)
    const elapsedMs = performance.now() - this.#startedAt
    return {
      eventLoop: {
        delayP50Ms: this.#delayMs(this.#delay.percentile(50)),
        delayP99Ms: this.#delayMs(this.#delay.percentile(99)),
        delayMaxMs: this.#delayMs(this.#delay.max),
        utilization,
      },
      gc: { pausesMs: this.#pausesMs, share: Math.min(1, this.#pausesMs / elapsedMs) },
    }
  }

  /** Node measures the time between two ticks of a timer: the timer's own interval is no delay. */
  #delayMs(tickNs: number): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, tickNs / 1e6 - resolutionMs)
  }

  #addPauses(entries: readonly PerformanceEntry[]): void {
    for (const { duration, detail } of entries as readonly GcEntry[]) {
      const type = kinds.get(detail.kind) ?? 'other'
      this.metrics.histogram(gcDuration, duration / 1000, { v8js_gc_type: type })
      this.#pausesMs += duration
    }
  }
}

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } }

const windowMs = 5_000
const resolutionMs = 10

/** Named as in OpenTelemetry: `v8js.gc.duration`, `v8js.gc.type`. */
const gcDuration = 'v8js_gc_duration_seconds'
const buckets = [0.001, 0.01, 0.1, 1]
const kinds = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])
