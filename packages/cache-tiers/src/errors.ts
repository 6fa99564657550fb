/** Why a cache refused. Branch on these, never on `message`. */
export type CacheErrorCode = 'CACHE_CLOSED' | 'CACHE_TIMEOUT'

/** An operational failure of a cache. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class CacheError extends Error {
  override readonly name = 'CacheError'
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
