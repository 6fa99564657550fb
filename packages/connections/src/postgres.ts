export { ConnectionsError, type ConnectionsErrorCode } from './errors.ts'
export type { ConnectionLease, Driver, GetConnectionOptions, HealthOptions, WarmOptions } from './driver.ts'
export type {
  CopyOptions,
  LeaseOptions,
  PostgresEndpoint,
  PostgresOptions,
  QueryField,
  QueryOptions,
  QueryResult,
  TransactionOptions,
} from './postgres/options.ts'
export type { PgClientAdapter, PgNotification } from './postgres/pg-pool/pg-client-adapter.ts'
export { PgCursor } from './postgres/pg-pool/pg-cursor.ts'
export type { PgConnectCallback, PgPoolAdapter } from './postgres/pg-pool/pg-pool-adapter.ts'
export type { PgControlClient, PgPoolOptions } from './postgres/pg-pool/pg-pool-options.ts'
export type {
  PgArrayConfig,
  PgCallback,
  PgQuery,
  PgQueryConfig,
  PgResult,
  PgSubmittable,
} from './postgres/pg-pool/pg-query.ts'
export type { CopyResult, CopyRows } from './postgres/copy-in.ts'
export type { CursorOptions, PostgresCursor } from './postgres/cursor.ts'
export type { ListenOptions, PostgresListener, PostgresNotification } from './postgres/listener.ts'
export { postgres, type PostgresPool, type PostgresStats } from './postgres/postgres-pool.ts'
export type { PostgresSession } from './postgres/postgres-session.ts'
export type { CloseOptions, CloseReport, HealthCheck, Holder } from './report.ts'
export type { ReplicaStats } from './postgres/replicas.ts'
export type {
  CloseMessage,
  ConnectMessage,
  FallbackMessage,
  QueryMessage,
  RetryMessage,
  SlowMessage,
  WaitMessage,
} from './telemetry.ts'
