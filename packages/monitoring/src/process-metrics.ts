import { performance } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { MetricsCollector } from './metrics-collector.ts'
import type { RuntimeReading } from './runtime-sampler.ts'

/**
 * Memory, CPU time and event loop of this process at this moment, into an empty collector. Names follow
 * OpenTelemetry's (`process.*`, `nodejs.*`, `v8js.*`) where it has them.
 */
export function writeProcessMetrics(metrics: MetricsCollector, { eventLoop }: RuntimeReading): void {
  const gauge = (name: string, help: string, unit: string, value: number): void => {
    metrics.describe(name, { help, unit })
    metrics.gauge(name, value)
  }
  const { rss, external } = process.memoryUsage()
  gauge('process_memory_usage_bytes', 'Resident memory.', 'bytes', rss)
  gauge('nodejs_external_memory_bytes', 'Memory of buffers and other natives.', 'bytes', external)
  const heapLimit = getHeapStatistics().heap_size_limit
  gauge('nodejs_heap_size_limit_bytes', 'Where V8 gives up.', 'bytes', heapLimit)
  gauge('process_uptime_seconds', 'Time since the process began.', 'seconds', process.uptime())

  metrics.describe('v8js_memory_heap_used_bytes', { help: 'Heap in use.', unit: 'bytes' })
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    metrics.gauge('v8js_memory_heap_used_bytes', space_used_size, { v8js_heap_space_name: space_name })
  }

  const { user, system } = process.cpuUsage()
  metrics.describe('process_cpu_time_seconds', { help: 'CPU time of all threads.', unit: 'seconds' })
  metrics.counter('process_cpu_time_seconds', user / 1e6, { cpu_mode: 'user' })
  metrics.counter('process_cpu_time_seconds', system / 1e6, { cpu_mode: 'system' })

  const { active, idle } = performance.eventLoopUtilization()
  metrics.describe('nodejs_eventloop_time_seconds', { help: 'Time of the event loop.', unit: 'seconds' })
  metrics.counter('nodejs_eventloop_time_seconds', active / 1000, { nodejs_eventloop_state: 'active' })
  metrics.counter('nodejs_eventloop_time_seconds', idle / 1000, { nodejs_eventloop_state: 'idle' })

  const delay = (name: string, ms: number): void =>
    gauge(`nodejs_eventloop_delay_${name}_seconds`, 'Lateness of timers.', 'seconds', ms / 1000)
  delay('p50', eventLoop.delayP50Ms)
  delay('p99', eventLoop.delayP99Ms)
  delay('max', eventLoop.delayMaxMs)
  const utilization = 'nodejs_eventloop_utilization_ratio'
  gauge(utilization, 'Share of the time in which the loop was busy.', 'ratio', eventLoop.utilization)
}
