/** Who took an object, as far as it is known: from where, and under which label. */
export interface Taker {
  /** The call stack, formatted only when it is read. */
  readonly stack?: string | undefined
  readonly label?: string | undefined
  /** Whether the loan is meant to last, and no leak. */
  readonly lasting?: boolean | undefined
}

/** What a taker tells of itself. */
export type TakerNote = Pick<Taker, 'label' | 'lasting'>

/** One stack in so many loans, and a short one: each frame of it costs more than many loans. */
const sampledEvery = 1024
/** Up to the caller of `tryAcquire`, and up to that of `use` when it has to `acquire`. */
export const framesAtOnce = 4
export const framesOfAcquire = 6

/** After a caller waited in vain, this many loans in a row are worth a whole stack. */
const watched = 64

/** Decides which loans get a call stack: each, or of every object the first and one in 1,024 after it. */
export class TakerSampler {
  readonly #each: boolean
  #toWatch = 0
  #waiters = 0
  /** A loan is captured when its number has none of these bits. Each loan has a number as it is: nothing is counted. */
  mask: number

  constructor(each: boolean) {
    this.#each = each
    this.mask = each ? 0 : sampledEvery - 1
  }

  ofWaiter(note: TakerNote): Taker | undefined {
    const isDue = (this.#waiters++ & this.mask) === 0
    return noted(isDue ? this.capture(framesOfAcquire) : undefined, note)
  }

  capture(frames: number): Taker {
    const whole = this.mask === 0
    if (whole && !this.#each && --this.#toWatch === 0) this.mask = sampledEvery - 1
    const limit = Error.stackTraceLimit
    // `Reflect.set`, since the limit of a hardened process cannot be set.
    if (!whole) Reflect.set(Error, 'stackTraceLimit', Math.min(frames, limit))
    const taker = new Error('taken')
    if (!whole) Reflect.set(Error, 'stackTraceLimit', limit)
    return taker
  }

  /** Somebody waited in vain: whoever takes the next objects should be known when it happens again. */
  watch(): void {
    this.mask = 0
    this.#toWatch = watched
  }
}

/** The taker with what it tells of itself. */
export function noted(taker: Taker | undefined, { label, lasting }: TakerNote): Taker | undefined {
  if (label === undefined && lasting !== true) return taker
  return Object.assign(taker ?? {}, { label, lasting })
}

/**
 * The line that took the object: the first of the stack that is neither of this house nor of Node.js. In a
 * bundle, where all lines are of one file, it is the outermost.
 */
export function siteOf(taker: Taker | undefined): string | undefined {
  const stack: unknown = taker?.stack
  // `Error.prepareStackTrace` may make anything of it.
  if (typeof stack !== 'string') return undefined
  const lines = stack.split('\n').filter((line) => /:\d+:\d+\)?$/.test(line))
  const site = isBundled ? lines.at(-1) : lines.find((line) => !ours.test(line) && !line.includes(here))
  return site?.trim().replace(/^at (async )?/, '')
}

const ours = /[\\/]@code[\\/]|\bnode:/
const here: string = import.meta.dirname ?? ''
const isBundled = !/[\\/]taker\.[jt]s$/.test(import.meta.url ?? '')
