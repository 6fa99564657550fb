export type { BoundMetric } from './bound-metric.ts'
export { MonitoringError, type MonitoringErrorCode } from './errors.ts'
export {
  getHealthMonitor,
  HealthMonitor,
  type HealthCheck,
  type HealthCheckOptions,
} from './health-monitor.ts'
export type { Labels, LabelValue } from './labels.ts'
export { MemoryMonitor, type MemoryMetrics, type MemorySamplingOptions } from './memory-monitor.ts'
export type { MetricDescription, MetricType } from './metric-family.ts'
export {
  getMetricsCollector,
  MetricsCollector,
  type MetricsCollectorOptions,
  type MetricSnapshot,
  type ScrapeOptions,
} from './metrics-collector.ts'
export type { ExpositionFormat, SeriesSnapshot } from './series.ts'
export type { HealthMessage } from './telemetry.ts'
export type { HealthCheckResult, HealthReport } from './report.ts'
