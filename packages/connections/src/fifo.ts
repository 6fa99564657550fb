/** A queue in a ring: both ends cost the same however long it is, and nothing is allocated once it has its size. */
export class Fifo<T> {
  /** As many places as a power of two. */
  #ring: (T | undefined)[] = emptyRing(leastPlaces)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The first, which `shift` would take. */
  get first(): T | undefined {
    return this.#ring[this.#head]
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(2 * this.#length)
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item
  }

  /** Puts one in front of the first. */
  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(2 * this.#length)
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = item
    this.#length++
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    // Of a crowd that has gone no room is kept.
    if (--this.#length < this.#ring.length >> 3 && this.#ring.length > crowd)
      this.#resize(this.#ring.length >> 1)
    return item
  }

  /** Drops those that are not to be kept. */
  keep(wanted: (item: T) => boolean): void {
    const kept = Array.from(this).filter(wanted)
    this.#ring = emptyRing(this.#ring.length)
    this.#head = 0
    this.#length = 0
    for (const item of kept) this.push(item)
  }

  /** From the first on. What is added or taken meanwhile may be seen or not. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)]!
  }

  #resize(places: number): void {
    const ring = emptyRing<T>(places)
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)]
    this.#ring = ring
    this.#head = 0
  }
}

const leastPlaces = 16
const crowd = 1_024

function emptyRing<T>(places: number): (T | undefined)[] {
  return Array.from({ length: places }, () => undefined)
}
