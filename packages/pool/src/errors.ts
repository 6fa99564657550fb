/** Why a pool refused. Branch on these, never on `message`. */
export type PoolErrorCode = 'POOL_CLOSED' | 'POOL_CREATE_FAILED' | 'POOL_QUEUE_FULL' | 'POOL_TIMEOUT'

/** An operational failure of a pool. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class PoolError extends Error {
  override readonly name = 'PoolError'
  readonly code: PoolErrorCode

  constructor(code: PoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
