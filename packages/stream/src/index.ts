export { StreamProcessor } from './stream-processor.ts'
export type { RecordStream } from './record-stream.ts'
export type { Progress, ReadOptions, StreamOptions } from './options.ts'
export {
  StreamError,
  type Place,
  type RecordError,
  type RecordErrorCode,
  type StreamErrorCode,
} from './errors.ts'
export type { SchemaIssue, SchemaResult, StandardSchemaV1 } from './standard-schema.ts'
export type { DoneMessage, ProgressMessage } from './telemetry.ts'
