export { PoolError, type PoolErrorCode } from './errors.ts'
export type { Lease } from './lease.ts'
export { ObjectPool } from './object-pool.ts'
export type {
  AcquireOptions,
  CloseOptions,
  DestroyReason,
  ObjectPoolOptions,
  ResizeOptions,
  WarmOptions,
} from './options.ts'
export type { CloseReport, Holder, PoolStats } from './report.ts'
export type {
  AcquireMessage,
  CreateMessage,
  DestroyMessage,
  LeakMessage,
  ReleaseMessage,
  TimeoutMessage,
} from './telemetry.ts'
