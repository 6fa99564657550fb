/** Why something here gave up. Branch on these, never on `message`. */
export type GcErrorCode = 'GC_CLOSED' | 'GC_DEADLINE'

/** An operational failure of this package. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class GcError extends Error {
  override readonly name = 'GcError'
  readonly code: GcErrorCode

  constructor(code: GcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
