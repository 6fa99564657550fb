/** Why something is not there. Branch on these, never on `message`. */
export type LazyErrorCode =
  | 'LAZY_CYCLE'
  | 'LAZY_LOAD_FAILED'
  | 'LAZY_LOADING'
  | 'LAZY_NOT_FOUND'
  | 'LAZY_TOP_LEVEL_AWAIT'
  | 'LAZY_WRONG_KIND'

/** A failure to load. Wrong arguments throw `TypeError` instead. */
export class LazyError extends Error {
  override readonly name = 'LazyError'
  readonly code: LazyErrorCode

  constructor(code: LazyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
