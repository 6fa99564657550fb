export { TestkitError, type TestkitErrorCode } from './errors.ts'
export { freePort } from './free-port.ts'
export { runReadmeExample } from './readme-example.ts'
