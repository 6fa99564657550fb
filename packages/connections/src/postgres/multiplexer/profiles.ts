import { Profile } from './profile.ts'

/** The profiles of the texts used last: `max`, or as many as are in use. */
export class Profiles {
  readonly #max: number
  readonly #byText = new Map<string, Profile>()
  #latest: Profile | undefined

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byText.size
  }

  of(text: string): Profile {
    if (this.#latest?.text === text) return this.#latest
    let profile = this.#byText.get(text)
    if (profile === undefined) {
      profile = new Profile(text)
      if (this.#byText.size >= this.#max) this.#forgetOldest(this.#byText.size - this.#max + 1)
    } else {
      this.#byText.delete(text)
    }
    this.#byText.set(text, profile)
    this.#latest = profile
    return profile
  }

  /** Those in use are used last: looked at once, they are not in the way of the next search. */
  #forgetOldest(count: number): void {
    let looks = Math.min(count, looksAtOnce)
    for (const [text, profile] of this.#byText) {
      if (looks-- === 0) return
      this.#byText.delete(text)
      if (!profile.unused) this.#byText.set(text, profile)
    }
  }
}

/** After a crowd of texts in use, so many are looked at for each new one. */
const looksAtOnce = 4
