import type { Entry } from './entry.ts'
import type { CheckedOptions } from './options.ts'
import { isThenable } from './thenable.ts'
import { within } from './within.ts'

/** Hears the answers that `isValid` could not give. */
export type OnVerdict<T extends object> = (entry: Entry<T>, valid: boolean, cause?: unknown) => void

/** Asks `validate` whether an idle object may be lent. A throw, a rejection and silence past the limit are a no. */
export class Validator<T extends object> {
  readonly #validate: CheckedOptions<T>['validate']
  readonly #afterIdleMs: number
  readonly #timeoutMs: number
  readonly #onVerdict: OnVerdict<T>
  #pending = 0
  #answersLater = false

  constructor(options: CheckedOptions<T>, onVerdict: OnVerdict<T>) {
    this.#validate = options.validate
    this.#afterIdleMs = options.validateAfterIdleMs ?? 0
    this.#timeoutMs = options.hookTimeoutMs
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

  /** Whether `validate` has to be asked. */
  isDue(entry: Entry<T>): boolean {
    return (
      this.#validate !== undefined &&
      (this.#afterIdleMs === 0 || performance.now() - entry.idleAt >= this.#afterIdleMs)
    )
  }

  /** True for a yes at once. Any other answer goes to the verdict handler, a synchronous no before this returns. */
  isValid(entry: Entry<T>): boolean {
    if (!this.isDue(entry)) return true
    let verdict: boolean | Promise<boolean>
    try {
      verdict = this.#validate!(entry.object)
    } catch (cause) {
      this.#onVerdict(entry, false, cause)
      return false
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

  async #settle(entry: Entry<T>, verdict: Promise<boolean>): Promise<void> {
    this.#answersLater = true
    this.#pending++
    let valid = false
    let cause: unknown
    try {
      valid = await within(verdict, { timeoutMs: this.#timeoutMs })
    } catch (error) {
      cause = error
    }
    this.#pending--
    this.#onVerdict(entry, valid, cause)
  }
}
