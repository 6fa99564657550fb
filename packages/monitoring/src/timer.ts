import type { HistogramSeries } from './series.ts'

/** Records once, when first disposed of, how long it has lived. */
export class Timer implements Disposable {
  #series: HistogramSeries | undefined
  readonly #ticksPerMs: number
  readonly #startedAt: number

  constructor(series: HistogramSeries | undefined, ticksPerMs: number) {
    this.#series = series
    this.#ticksPerMs = ticksPerMs
    this.#startedAt = performance.now()
  }

  [Symbol.dispose](): void {
    this.#series?.observe((performance.now() - this.#startedAt) * this.#ticksPerMs)
    this.#series = undefined
  }
}

/** Disposes of the timer when the work, or the promise it returns, is done. */
export function timed(timer: Disposable, work: () => unknown): unknown {
  let result: unknown
  try {
    result = work()
  } catch (error) {
    timer[Symbol.dispose]()
    throw error
  }
  if (isThenable(result)) return Promise.resolve(result).finally(() => timer[Symbol.dispose]())
  timer[Symbol.dispose]()
  return result
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}
