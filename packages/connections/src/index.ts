export { ConnectionPoolManager } from './connection-pool-manager.ts'
export type {
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
export type { CloseOptions, CloseReport, HealthCheck, HealthReport, Holder } from './report.ts'
export type {
  CloseMessage,
  ConnectMessage,
  HttpMessage,
  QueryMessage,
  RetryMessage,
  WaitMessage,
} from './telemetry.ts'
