import type { Loan } from './lease.ts'
import type { ObjectPoolOptions } from './options.ts'
import { isThenable } from './thenable.ts'
import { within } from './within.ts'

/** Asks `validate` whether an idle object may be lent. A throw, a rejection and silence past the limit are a no. */
export class Validator<T extends object, E extends Loan<T>> {
  readonly #validate: ObjectPoolOptions<T>['validate']
  readonly #timeoutMs: number
  readonly #onVerdict: (entry: E, valid: boolean) => void
  #pending = 0
  #answersLater = false

  constructor(
    validate: ObjectPoolOptions<T>['validate'],
    timeoutMs: number,
    onVerdict: (entry: E, valid: boolean) => void,
  ) {
    this.#validate = validate
    this.#timeoutMs = timeoutMs
    this.#onVerdict = onVerdict
  }

  /** How many answers are under way. */
  get pending(): number {
    return this.#pending
  }

  /** Whether `validate` has turned out to be asynchronous. */
  get answersLater(): boolean {
    return this.#answersLater
  }

  /** True for a yes at once. Any other answer goes to the verdict handler, a synchronous no before this returns. */
  isValid(entry: E): boolean {
    if (this.#validate === undefined) return true
    let verdict: boolean | Promise<boolean>
    try {
      verdict = this.#validate(entry.object)
    } catch {
      verdict = false
    }
    if (isThenable(verdict)) {
      void this.#settle(entry, verdict)
      return false
    }
    // Not `=== true`: what a JavaScript caller's check answers may be anything truthy.
    if (verdict) return true
    this.#onVerdict(entry, false)
    return false
  }

  async #settle(entry: E, verdict: Promise<boolean>): Promise<void> {
    this.#answersLater = true
    this.#pending++
    let valid = false
    try {
      valid = await within(verdict, { timeoutMs: this.#timeoutMs })
    } catch {
      // A check that failed is a no.
    }
    this.#pending--
    this.#onVerdict(entry, valid)
  }
}
