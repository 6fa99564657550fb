export { GcError, type GcErrorCode } from './errors.ts'
export type { LeakMessage, PauseMessage, ShutdownMessage } from './telemetry.ts'
