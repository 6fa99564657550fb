import type { PoolError } from './errors.ts'

interface WarmUp {
  readonly count: number
  readonly resolve: (failure: PoolError | undefined) => void
}

/** Callers who wait until so many objects are there. While there are any, the process stays alive. */
export class WarmUps {
  readonly #waiting = new Set<WarmUp>()
  #target = 0
  #alive: NodeJS.Timeout | undefined

  /** The most that anybody waits for. */
  get target(): number {
    return this.#target
  }

  /** Resolves when as many are there, or to the failure of a creation before. */
  add(count: number): Promise<PoolError | undefined> {
    this.#target = Math.max(this.#target, count)
    this.#alive ??= setInterval(() => {}, 2 ** 30)
    return new Promise((resolve) => this.#waiting.add({ count, resolve }))
  }

  onSize(size: number): void {
    if (this.#waiting.size > 0) this.#end((warmUp) => size >= warmUp.count)
  }

  fail(failure: PoolError): void {
    if (this.#waiting.size > 0) this.#end(() => true, failure)
  }

  #end(isOver: (warmUp: WarmUp) => boolean, failure?: PoolError): void {
    this.#target = 0
    for (const warmUp of this.#waiting) {
      if (!isOver(warmUp)) {
        this.#target = Math.max(this.#target, warmUp.count)
        continue
      }
      this.#waiting.delete(warmUp)
      warmUp.resolve(failure)
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#alive)
    this.#alive = undefined
  }
}
