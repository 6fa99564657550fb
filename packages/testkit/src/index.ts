export { benchmark, type Benchmark, type BenchmarkOptions } from './bench/benchmark.ts'
export type { Arm, CompareOptions, LoopMetric } from './bench/compare.ts'
export type { Figures, Measurement } from './bench/measurement.ts'
export type { ProcessArm, ProcessesOptions } from './bench/processes.ts'
export type { BenchmarkReport, FigureReport, Machine, MeasurementReport } from './bench/report.ts'
export type { SamplesOptions } from './bench/samples.ts'
export { median, medianInterval, quantile, ratios, summarize, type Summary } from './bench/statistics.ts'
export type { TimesBetter, Value, Verdict } from './bench/thresholds.ts'
export { TestkitError, type TestkitErrorCode } from './errors.ts'
export { freePort } from './free-port.ts'
export { startPgBouncer, type PgBouncer, type PgBouncerOptions } from './pgbouncer.ts'
export { startPostgresReplica, type PostgresReplica } from './postgres-replica.ts'
export {
  startPostgres,
  type PostgresAddress,
  type PostgresOptions,
  type PostgresServer,
  type PostgresStopOptions,
} from './postgres.ts'
export type { PostgresSettings } from './private-postgres.ts'
export {
  startProxy,
  type ProxyDirection,
  type ProxyOptions,
  type ProxyStats,
  type ProxyTraffic,
  type TcpProxy,
} from './proxy.ts'
export { runReadmeExample, type ReadmeExampleOptions } from './readme-example.ts'
export { residentMemory, type ResidentMemory } from './resident-memory.ts'
export {
  superviseProcess,
  Watchdog,
  type Exit,
  type Owner,
  type ProcessOptions,
  type SupervisedProcess,
} from './supervised-process.ts'
