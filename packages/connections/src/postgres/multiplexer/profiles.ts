import { Profile } from './profile.ts'

/** The profiles of the texts used last: at most `max`, besides those in use now. */
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
      if (this.#byText.size >= this.#max) this.#forgetOldest()
    } else {
      this.#byText.delete(text)
    }
    this.#byText.set(text, profile)
    this.#latest = profile
    return profile
  }

  #forgetOldest(): void {
    for (const [text, profile] of this.#byText) {
      if (!profile.unused) continue
      this.#byText.delete(text)
      return
    }
  }
}
