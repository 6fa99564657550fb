import type { HealthMonitor } from './health-monitor.ts'
import type { HealthReport } from './report.ts'
import { readInstruments, type InstrumentSnapshot } from './instruments.ts'
import { MemoryMonitor, type MemoryMetrics } from './memory-monitor.ts'
import type { MetricsCollector, MetricSnapshot } from './metrics-collector.ts'
import type { RuntimeReading } from './runtime-sampler.ts'

/** What `/snapshot.json` answers: everything that is known of this process at one moment. */
export interface MonitoringSnapshot extends RuntimeReading {
  readonly version: 1
  /** ISO 8601, UTC. */
  readonly at: string
  readonly process: { readonly pid: number; readonly node: string; readonly uptimeSeconds: number }
  readonly memory: MemoryMetrics
  readonly metrics: readonly MetricSnapshot[]
  readonly instruments: readonly InstrumentSnapshot[]
  readonly health: HealthReport
  /** Nothing raises alerts or findings yet: both are empty. */
  readonly alerts: readonly never[]
  readonly findings: readonly never[]
}

export async function takeSnapshot(
  collector: MetricsCollector,
  monitor: HealthMonitor,
  runtime: RuntimeReading,
): Promise<MonitoringSnapshot> {
  const health = await monitor.checkAll()
  return {
    version: 1,
    at: new Date().toISOString(),
    process: { pid: process.pid, node: process.versions.node, uptimeSeconds: process.uptime() },
    memory: new MemoryMonitor().getCurrentMetrics(),
    eventLoop: runtime.eventLoop,
    gc: runtime.gc,
    metrics: collector.snapshot(),
    instruments: readInstruments(),
    health,
    alerts: [],
    findings: [],
  }
}
