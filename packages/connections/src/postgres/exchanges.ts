import type { ConnectionsError } from '../errors.ts'
import { describeFailure, timeoutOf } from './failures.ts'
import { Answer, type ResultFormat } from './wire/answer.ts'
import { serverError } from './wire/server-error.ts'
import { graceMs, type Wire } from './wire/wire.ts'

/** How long an exchange may take, and who may end it. */
export interface Limits {
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
}

/** How the outcome of an exchange is told. */
export interface Operation<R> {
  /** The last call of an operation: why it failed, or else its result. */
  readonly done: (failure: { readonly error: unknown } | undefined, result?: R) => void
  readonly giveUp: (reason: unknown) => void
}

/** The exchanges of one holder with its server, each made to settle whatever the server does. */
export class Exchanges {
  readonly #wire: Wire
  readonly #pool: string
  #settling: Promise<void> | undefined

  constructor(wire: Wire, pool: string) {
    this.#wire = wire
    this.#pool = pool
  }

  /** Resolves when a statement that was given up has been stopped; `undefined` when there is none. */
  get settling(): Promise<void> | undefined {
    return this.#settling
  }

  /**
   * Settles by the outcome when the connection is ready again, else at the limit or the abort at once. `start`
   * returns what tells the server to stop; `false` from that means it has no way to.
   */
  run<R>(
    what: string,
    { timeoutMs, signal }: Limits,
    start: (operation: Operation<R>) => () => boolean,
  ): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const { lostBy } = this.#wire
    if (lostBy !== undefined) return Promise.reject(this.#describe(lostBy.error, what, false))

    return new Promise<R>((resolve, reject) => {
      let over = false
      let failure: { readonly error: unknown } | undefined
      let stop: (() => boolean) | undefined
      const end = (settle: () => void): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        settle()
      }
      const giveUp = (reason: unknown): void =>
        end(() => {
          this.#settling = this.#settle(stop, () => failure?.error)
          reject(reason)
        })
      const done = (failed: { readonly error: unknown } | undefined, result?: R): void => {
        failure = failed
        end(() => {
          if (failed === undefined) resolve(result as R)
          else reject(this.#describe(failed.error, what, true))
        })
      }
      const onAbort = (): void => giveUp(signal?.reason)
      const timer =
        timeoutMs && setTimeout(() => giveUp(timeoutOf(this.#pool, what, timeoutMs)), Math.max(1, timeoutMs))
      try {
        signal?.addEventListener('abort', onAbort)
        stop = start({ done, giveUp })
      } catch (error) {
        end(() => reject(error))
      }
    })
  }

  /** Hangs up at once; what runs is stopped on the server too, which would not notice soon. */
  async drop(cause: unknown): Promise<void> {
    const wire = this.#wire
    const interrupted = wire.idle || wire.lostBy !== undefined ? undefined : wire.cancel()
    wire.drop(cause)
    await interrupted
  }

  /**
   * Stops a statement whose caller has gone. The connection is kept only if the server says that it was cut
   * short (57014): then the interrupt has been used up and cannot hit the next statement.
   */
  async #settle(stop: (() => boolean) | undefined, failure: () => unknown): Promise<void> {
    const wire = this.#wire
    const interrupted = stop?.() ? undefined : wire.cancel()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      wire.whenIdle(() => {
        clearTimeout(timer)
        resolve()
      })
    })
    if (!wire.idle || serverError(failure())?.code !== '57014') {
      const cause = new Error('its statement was given up')
      if (interrupted === undefined) await this.drop(cause)
      else wire.drop(cause)
    }
    await interrupted
    this.#settling = undefined
  }

  #describe(error: unknown, what: string, mayHaveRun: boolean): unknown {
    const lost = this.#wire.lostBy !== undefined
    return describeFailure(error, { pool: this.#pool, what, lost, mayHaveRun })
  }
}

/** The answer to an exchange: given up when its rows pass the limit, and told when it is whole. */
export class ExchangeAnswer extends Answer {
  readonly #onOverflow: (error: ConnectionsError) => void
  readonly #onEnd: () => void

  constructor(format: ResultFormat, onOverflow: (error: ConnectionsError) => void, onEnd: () => void) {
    super(format)
    this.#onOverflow = onOverflow
    this.#onEnd = onEnd
  }

  override overflow(error: ConnectionsError): void {
    this.#onOverflow(error)
  }

  override end(): void {
    this.#onEnd()
  }
}
