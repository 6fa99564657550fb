/** Gives each statement text a name to be prepared under, for the names used last; older statements are closed. */
export class StatementNames {
  readonly #max: number
  readonly #onForget: (name: string) => void
  /** The names in use, the one used longest ago first, with the text for which we made it. */
  readonly #used = new Map<string, string | undefined>()
  readonly #made = new Map<string, string>()
  #count = 0

  constructor(max: number, onForget: (name: string) => void) {
    this.#max = max
    this.#onForget = onForget
  }

  /** The name, which is the one given if there is one, or `undefined` when nothing is to be prepared. */
  of(text: string, given?: string): string | undefined {
    if (this.#max === 0) return undefined
    const name = given ?? this.#made.get(text) ?? this.#make(text)
    if (!this.#used.delete(name) && this.#used.size === this.#max) this.#forgetOldest()
    this.#used.set(name, given === undefined ? text : undefined)
    return name
  }

  #make(text: string): string {
    const name = `code_${++this.#count}`
    this.#made.set(text, name)
    return name
  }

  #forgetOldest(): void {
    for (const [name, text] of this.#used) {
      this.#used.delete(name)
      if (text !== undefined) this.#made.delete(text)
      this.#onForget(name)
      return
    }
  }
}
