import type { PoolError } from './errors.ts'

interface WarmUp {
  readonly count: number
  readonly resolve: (failure: PoolError | undefined) => void
}

/** Callers who wait until so many objects are there. */
export class WarmUps {
  readonly #waiting = new Set<WarmUp>()

  /** The most that anybody waits for. */
  get target(): number {
    let target = 0
    for (const { count } of this.#waiting) target = Math.max(target, count)
    return target
  }

  /** Resolves when as many are there, or to the failure of a creation before. */
  add(count: number): Promise<PoolError | undefined> {
    return new Promise((resolve) => this.#waiting.add({ count, resolve }))
  }

  onSize(size: number): void {
    for (const each of this.#waiting) if (size >= each.count) this.#end(each, undefined)
  }

  fail(failure: PoolError): void {
    for (const each of this.#waiting) this.#end(each, failure)
  }

  #end(warmUp: WarmUp, failure: PoolError | undefined): void {
    this.#waiting.delete(warmUp)
    warmUp.resolve(failure)
  }
}
