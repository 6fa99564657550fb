/** Gives each statement text a name to be prepared under, for the texts used last; older ones are closed. */
export class StatementNames {
  readonly #max: number
  readonly #onForget: (name: string) => void
  readonly #names = new Map<string, string>()
  #made = 0

  constructor(max: number, onForget: (name: string) => void) {
    this.#max = max
    this.#onForget = onForget
  }

  /** The name, or `undefined` when nothing is to be prepared. */
  of(text: string): string | undefined {
    if (this.#max === 0) return undefined
    let name = this.#names.get(text)
    if (name === undefined) {
      if (this.#names.size === this.#max) this.#forgetOldest()
      name = `code_${++this.#made}`
    } else {
      this.#names.delete(text)
    }
    this.#names.set(text, name)
    return name
  }

  #forgetOldest(): void {
    for (const [text, name] of this.#names) {
      this.#names.delete(text)
      this.#onForget(name)
      return
    }
  }
}
