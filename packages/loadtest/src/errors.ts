/** Why a load test could not be set up. Branch on these, never on `message`. */
export type LoadTestErrorCode = 'LOADTEST_UNSUPPORTED'

/**
 * A load test that cannot be done. Wrong arguments throw `RangeError` or `TypeError` instead, and whatever
 * goes wrong between tester and target during a run is counted in the report.
 */
export class LoadTestError extends Error {
  override readonly name = 'LoadTestError'
  readonly code: LoadTestErrorCode

  constructor(code: LoadTestErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
