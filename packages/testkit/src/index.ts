export { TestkitError, type TestkitErrorCode } from './errors.ts'
export { freePort } from './free-port.ts'
export { startPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts'
export { runReadmeExample } from './readme-example.ts'
export { residentMemory, type ResidentMemory } from './resident-memory.ts'
export {
  superviseProcess,
  Watchdog,
  type Exit,
  type Owner,
  type ProcessOptions,
  type SupervisedProcess,
} from './supervised-process.ts'
