/** An object on loan. Disposing it returns the object; doing so twice is harmless. */
export interface Lease<T extends object> extends Disposable {
  /**
   * The object lent.
   * @throws {TypeError} once it has been returned, by this lease or by `pool.release`
   */
  readonly value: T
  /**
   * Returns the object.
   * @throws {TypeError} when it has been returned already; disposing does nothing then
   */
  release(): void
}

/** What a lease must know of the pool's book-keeping: each loan of an object has a number of its own. */
export interface Loan<T extends object> {
  readonly object: T
  readonly loan: number
  readonly lentAt: number
}

export class PoolLease<T extends object> implements Lease<T> {
  readonly #entry: Loan<T>
  readonly #loan: number
  readonly #release: (object: T) => void

  constructor(entry: Loan<T>, release: (object: T) => void) {
    this.#entry = entry
    this.#loan = entry.loan
    this.#release = release
  }

  get value(): T {
    this.#mustBeCurrent()
    return this.#entry.object
  }

  release(): void {
    this.#mustBeCurrent()
    this.#release(this.#entry.object)
  }

  [Symbol.dispose](): void {
    if (this.#current) this.#release(this.#entry.object)
  }

  #mustBeCurrent(): void {
    if (!this.#current) throw new TypeError('this lease has ended: its object is back in the pool')
  }

  get #current(): boolean {
    return this.#entry.lentAt >= 0 && this.#entry.loan === this.#loan
  }
}
