export {
  CleanupScheduler,
  type CleanupSchedulerOptions,
  type CleanupStats,
  type CloseReport,
} from './cleanup-scheduler.ts'
export type { CleanupOptions, CleanupWork } from './cleanup-job.ts'
export { collectGarbage, type Collection } from './collect-garbage.ts'
export { deferGc, type DeferGcOptions } from './defer-gc.ts'
export { GcError, type GcErrorCode } from './errors.ts'
export type { GcFacts } from './gc-facts.ts'
export { GcMonitor, type GcMonitorOptions, type GcStats } from './gc-monitor.ts'
export type { GcPlan, WorkerLimits } from './gc-plan.ts'
export type { GcSetting } from './gc-settings.ts'
export type { GcWarning } from './gc-warnings.ts'
export { LifecycleManager } from './lifecycle-manager.ts'
export type { Closable } from './lifecycle/closing.ts'
export type { ManageableClass } from './lifecycle/managed-class.ts'
export type {
  AddOptions,
  AddWithCloseOptions,
  LifecycleOptions,
  ShutdownOptions,
  ShutdownPhase,
  SignalOptions,
} from './lifecycle/options.ts'
export type { Holder, LeakNotice, LifecycleStats, ShutdownReport, ShutdownStep } from './lifecycle/report.ts'
export { optimizeGc, type OptimizeGcOptions } from './optimize-gc.ts'
export type { LeakMessage, PauseMessage, ShutdownMessage } from './telemetry.ts'
