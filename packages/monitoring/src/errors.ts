/** Why monitoring refused. Branch on these, never on `message`. */
export type MonitoringErrorCode = 'MONITORING_LISTEN'

/** An operational failure of monitoring. Wrong arguments throw `RangeError` or `TypeError` instead. */
export class MonitoringError extends Error {
  override readonly name = 'MonitoringError'
  readonly code: MonitoringErrorCode

  constructor(code: MonitoringErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
