/** Why the testkit could not do its work. Branch on these, never on `message`. */
export type TestkitErrorCode =
  | 'EXAMPLE_FAILED'
  | 'PROCESS_FAILED'
  | 'POSTGRES_MISSING'
  | 'POSTGRES_FAILED'
  | 'POSTGRES_NOT_OURS'
  | 'PGBOUNCER_MISSING'
  | 'PGBOUNCER_FAILED'
  | 'PROXY_FAILED'
  | 'BENCH_ARM_FAILED'
  | 'BENCH_RESULTS_DIFFER'

/** A failure of the world around a test. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class TestkitError extends Error {
  override readonly name = 'TestkitError'
  readonly code: TestkitErrorCode
  constructor(code: TestkitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
