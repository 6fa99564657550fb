export { ConnectionsError, type ConnectionsErrorCode } from './errors.ts'
export type { ConnectionLease, Driver, GetConnectionOptions, HealthOptions, WarmOptions } from './driver.ts'
export type {
  CopyOptions,
  PostgresOptions,
  QueryField,
  QueryOptions,
  QueryResult,
  TransactionOptions,
} from './postgres/options.ts'
export type { CopyResult, CopyRows } from './postgres/copy-in.ts'
export { postgres, type PostgresPool, type PostgresStats } from './postgres/postgres-pool.ts'
export type { PostgresSession } from './postgres/postgres-session.ts'
export type { CloseOptions, CloseReport, HealthCheck, Holder } from './report.ts'
export type { CloseMessage, ConnectMessage, QueryMessage, RetryMessage, WaitMessage } from './telemetry.ts'
