import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { checkFunction, checkMs } from './check.ts'

/** Memory of this process, in megabytes of 1,048,576 bytes. */
export interface MemoryMetrics {
  /** Resident now. */
  readonly rssMb: number
  /** Most that was ever resident. */
  readonly peakMb: number
  /** What the process may still take before the system or its container refuses. */
  readonly availableMb: number
  /** The container's limit; null when there is none. */
  readonly limitMb: number | null
  readonly heapUsedMb: number
  /** Where V8 gives up, young generation included. */
  readonly heapLimitMb: number
  /** Outside the heap but owned by JavaScript objects: buffers above all. */
  readonly externalMb: number
}

export interface MemorySamplingOptions {
  /** Pause between two samples, in milliseconds, from 1. */
  readonly everyMs: number
  readonly onSample: (metrics: MemoryMetrics) => void
}

/** Tells what this process holds of memory, on demand or at an interval that keeps no process alive. */
export class MemoryMonitor implements Disposable {
  #timer: NodeJS.Timeout | undefined

  getCurrentMetrics(): MemoryMetrics {
    const { rss, heapUsed, external } = process.memoryUsage()
    const limit = process.constrainedMemory()
    return Object.freeze({
      rssMb: rss / megabyte,
      peakMb: Math.max(rss, peakBytes()) / megabyte,
      availableMb: process.availableMemory() / megabyte,
      // Unconstrained, libuv answers 0 or 2 ** 64 by platform.
      limitMb: limit > 0 && limit <= totalmem() ? limit / megabyte : null,
      heapUsedMb: heapUsed / megabyte,
      heapLimitMb: getHeapStatistics().heap_size_limit / megabyte,
      externalMb: external / megabyte,
    })
  }

  /** Samples from now on; a second start replaces the first. */
  start(options: MemorySamplingOptions): void {
    const { everyMs, onSample } = options
    checkMs('everyMs', everyMs)
    checkFunction('onSample', onSample)
    this.stop()
    this.#timer = setInterval(() => onSample(this.getCurrentMetrics()), everyMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

const megabyte = 1024 * 1024

/**
 * On Linux `resourceUsage().maxRSS` starts at the peak of the process that forked this one, surviving exec:
 * a small child of a big parent would report the parent's.
 */
function peakBytes(): number {
  if (process.platform === 'linux') {
    try {
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
      if (peak?.[1] !== undefined) return Number(peak[1]) * 1024
    } catch {
      // No /proc in this sandbox: the inherited figure is the only one left.
    }
  }
  return process.resourceUsage().maxRSS * 1024
}
