import { Answer } from './answer.ts'
import type { Prepared } from './prepared-statements.ts'

/** What has the server refuse writes on a connection, or no longer. */
export function guardText(readOnly: boolean): string {
  return readOnly ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only'
}

/** What lets the rest of its transaction write all the same, to be prepared on each connection. */
export function writable(count: number): Prepared {
  const text = 'set transaction_read_only = off'
  return { name: `code_writable_${count}`, text, sent: false, described: true, shape: undefined }
}

/** The answer to a setting without which the connection is of no use. */
export class GuardAnswer extends Answer {
  readonly #onFailure: (error: unknown) => void

  constructor(onFailure: (error: unknown) => void) {
    super()
    this.#onFailure = onFailure
  }

  override end(): void {
    if (this.failure !== undefined) this.#onFailure(this.failure.error)
  }
}
