/**
 * The replacement policy "least recently used", exact: a doubly linked ring of slot numbers in one typed
 * array. Slot 0 is the ring's anchor, so that no operation has a special case; a slot in use is 1 or more.
 */
export class LruOrder {
  /** For slot s: [2s] is the next newer slot, [2s + 1] the next older one. */
  #links: Int32Array

  constructor(capacity: number) {
    this.#links = new Int32Array(2 * (capacity + 1))
  }

  /** The slot to give up next; 0 when there is none. */
  get victim(): number {
    return this.#links[0]!
  }

  add(slot: number): void {
    const links = this.#links
    const newest = links[1]!
    links[2 * slot] = 0
    links[2 * slot + 1] = newest
    links[2 * newest] = slot
    links[1] = slot
  }

  use(slot: number): void {
    const links = this.#links
    const newer = links[2 * slot]!
    if (newer === 0) return
    const older = links[2 * slot + 1]!
    const newest = links[1]!
    links[2 * newer + 1] = older
    links[2 * older] = newer
    links[2 * slot] = 0
    links[2 * slot + 1] = newest
    links[2 * newest] = slot
    links[1] = slot
  }

  remove(slot: number): void {
    const links = this.#links
    const newer = links[2 * slot]!
    const older = links[2 * slot + 1]!
    links[2 * newer + 1] = older
    links[2 * older] = newer
  }

  grow(capacity: number): void {
    const links = new Int32Array(2 * (capacity + 1))
    links.set(this.#links)
    this.#links = links
  }
}
