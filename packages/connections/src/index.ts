export { ConnectionPoolManager } from './connection-pool-manager.ts'
export type {
  Capacity,
  ConnectionLease,
  ConnectionOf,
  ConnectionPool,
  Driver,
  GetConnectionOptions,
  HealthOptions,
  PoolOf,
  WarmOptions,
} from './driver.ts'
export { ConnectionsError, type ConnectionsErrorCode } from './errors.ts'
export {
  observeConnections,
  type Meter,
  type MeterCallback,
  type MeterHistogram,
  type MeterObservable,
  type MetricAttributes,
  type MetricOptions,
} from './open-telemetry.ts'
export type { CloseOptions, CloseReport, HealthCheck, HealthReport, Holder } from './report.ts'
export type {
  CloseMessage,
  ConnectMessage,
  FallbackMessage,
  HttpMessage,
  QueryMessage,
  RetryMessage,
  SlowMessage,
  WaitMessage,
} from './telemetry.ts'
