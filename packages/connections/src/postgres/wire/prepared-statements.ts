import { describe } from '../../check.ts'
import type { RowShape } from './row-shape.ts'

/** A statement prepared on one connection, or about to be. */
export interface Prepared {
  readonly name: string
  readonly text: string
  /** Whether Parse has been said and, as far as is known, taken. */
  sent: boolean
  /** Whether the server has told its columns. Until then each execution asks: the one that asked first may fail. */
  described: boolean
  /** Its columns, if it has any. */
  shape: RowShape | undefined
}

export interface PreparedEvents {
  /** One goes, and is to be freed on the server. */
  readonly onForget: (prepared: Prepared) => void
  /** All have gone with their session. */
  readonly onClear?: (() => void) | undefined
}

/**
 * The statements prepared on one connection, at most `max`, by name. Those used longest ago go first; what was
 * made here for a text gets a name of its own, never used again once it has gone.
 */
export class PreparedStatements {
  readonly #max: number
  readonly #events: PreparedEvents
  /** In order of use. */
  readonly #byName = new Map<string, Prepared>()
  readonly #byText = new Map<string, Prepared>()
  #latest: Prepared | undefined
  #count = 0

  constructor(max: number, events: PreparedEvents) {
    this.#max = max
    this.#events = events
  }

  /**
   * The statement for a text, under the name given if there is one; `undefined` when nothing is to be prepared.
   * @throws {TypeError} when the name is that of another text
   */
  of(text: string, name?: string): Prepared | undefined {
    if (this.#latest?.text === text && name === undefined) return this.#latest
    if (this.#max === 0) return undefined
    const prepared = name === undefined ? this.#byText.get(text) : this.#byName.get(name)
    if (prepared === undefined) return this.#make(text, name)
    if (prepared.text !== text) {
      throw new TypeError(`the name ${describe(name)} belongs to another statement`)
    }
    this.#byName.delete(prepared.name)
    this.#byName.set(prepared.name, prepared)
    this.#latest = name === undefined ? prepared : undefined
    return prepared
  }

  /** Frees it. The next of its text is prepared anew. */
  forget(prepared: Prepared): void {
    if (this.#byName.get(prepared.name) !== prepared) return
    this.#byName.delete(prepared.name)
    if (this.#byText.get(prepared.text) === prepared) this.#byText.delete(prepared.text)
    if (this.#latest === prepared) this.#latest = undefined
    this.#events.onForget(prepared)
  }

  /** Takes note that the server has freed them all, with all else that the session had (`discard all`). */
  clear(): void {
    this.#byName.clear()
    this.#byText.clear()
    this.#latest = undefined
    this.#events.onClear?.()
  }

  #make(text: string, name: string | undefined): Prepared {
    if (this.#byName.size === this.#max) {
      for (const oldest of this.#byName.values()) {
        this.forget(oldest)
        break
      }
    }
    const prepared = {
      name: name ?? `code_${++this.#count}`,
      text,
      sent: false,
      described: false,
      shape: undefined,
    }
    this.#byName.set(prepared.name, prepared)
    if (name === undefined) this.#byText.set(text, prepared)
    this.#latest = name === undefined ? prepared : undefined
    return prepared
  }
}
