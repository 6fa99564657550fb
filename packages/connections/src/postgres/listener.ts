import { checkInteger, checkString, describe } from '../check.ts'
import { ConnectionsError } from '../errors.ts'
import { Fifo } from '../fifo.ts'
import type { WireNotification } from './wire/wire.ts'

/** What `NOTIFY` or `pg_notify` sent: its channel, its text, and the server's process that sent it. */
export type PostgresNotification = WireNotification

/** Options of listening to a channel. */
export interface ListenOptions {
  /** Ends it: the iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Most notifications that may lie unread; one more ends it with CONNECTIONS_BUFFER_FULL. Integer from 1. @default 1_000 */
  readonly maxBuffered?: number | undefined
  /**
   * Called when the channel is listened to again after its connection was lost, before what comes next is read. What
   * was sent in between is lost: look up what it would have told. What this throws ends the listener.
   */
  readonly onReconnect?: (() => void) | undefined
}

/**
 * The notifications of one channel as they come, for one reader. Leaving the loop or disposing it ends it; so does the
 * pool's close, with what has arrived still to be read.
 */
export interface PostgresListener extends AsyncIterable<PostgresNotification>, AsyncDisposable {
  readonly channel: string
}

/** One reader of a channel: what has arrived for it and not been read, and how it ends. */
export class Listener implements PostgresListener, AsyncIterator<PostgresNotification, void> {
  readonly channel: string
  readonly #maxBuffered: number
  readonly #onReconnect: (() => void) | undefined
  readonly #signal: AbortSignal | undefined
  readonly #onEnd: (listener: Listener) => Promise<void>
  readonly #waiting = new Fifo<PromiseWithResolvers<IteratorResult<PostgresNotification, void>>>()
  #arrived = new Fifo<PostgresNotification>()
  #missed = false
  #failure: { readonly error: unknown } | undefined
  #ended: Promise<void> | undefined

  /** @throws {TypeError | RangeError} */
  constructor(channel: string, options: ListenOptions, onEnd: (listener: Listener) => Promise<void>) {
    const { signal, maxBuffered = defaults.maxBuffered, onReconnect } = options
    checkChannel(channel)
    checkInteger('maxBuffered', maxBuffered, 1)
    if (onReconnect !== undefined && typeof onReconnect !== 'function') {
      throw new TypeError(`onReconnect must be a function, got ${describe(onReconnect)}`)
    }
    this.channel = channel
    this.#maxBuffered = maxBuffered
    this.#onReconnect = onReconnect
    this.#signal = signal
    this.#onEnd = onEnd
    signal?.throwIfAborted()
    signal?.addEventListener('abort', this.#onAbort)
  }

  [Symbol.asyncIterator](): AsyncIterator<PostgresNotification, void> {
    return this
  }

  async next(): Promise<IteratorResult<PostgresNotification, void>> {
    const value = this.#arrived.shift()
    if (value !== undefined) return { done: false, value }
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      throw error
    }
    if (this.#ended !== undefined) return done
    const waiting = Promise.withResolvers<IteratorResult<PostgresNotification, void>>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  async return(): Promise<IteratorResult<PostgresNotification, void>> {
    await this[Symbol.asyncDispose]()
    return done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#arrived = new Fifo()
    this.#failure = undefined
    await this.end()
  }

  /** Takes what has come on its channel. */
  take(notification: PostgresNotification): void {
    if (this.#ended !== undefined) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) waiting.resolve({ done: false, value: notification })
    else if (this.#arrived.length < this.#maxBuffered) this.#arrived.push(notification)
    else void this.end({ error: bufferFull(this.channel, this.#maxBuffered) })
  }

  /** The connection has been lost. */
  interrupted(): void {
    this.#missed = true
  }

  /** The channel is listened to. */
  resumed(): void {
    if (!this.#missed || this.#ended !== undefined) return
    this.#missed = false
    try {
      this.#onReconnect?.()
    } catch (error) {
      void this.end({ error })
    }
  }

  /** Takes no more. What has arrived can still be read, and then the failure if there is one. Never rejects. */
  end(failure?: { readonly error: unknown }): Promise<void> {
    if (this.#ended !== undefined) return this.#ended
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#failure = failure
    this.#ended = this.#onEnd(this)
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      if (this.#failure === undefined) waiting.resolve(done)
      else waiting.reject(this.#failure.error)
      this.#failure = undefined
    }
    return this.#ended
  }

  readonly #onAbort = (): void => {
    this.#arrived = new Fifo()
    void this.end({ error: this.#signal?.reason })
  }
}

const defaults = { maxBuffered: 1_000 }
const done = Object.freeze({ done: true, value: undefined } as const)

/** Longer names Postgres would cut short (NAMEDATALEN), and then nothing sent to them arrives. */
function checkChannel(channel: unknown): asserts channel is string {
  checkString('channel', channel)
  const name = channel as string
  const bytes = Buffer.byteLength(name)
  if (bytes < 1 || bytes > 63 || name.includes('\0')) {
    throw new RangeError(`channel must have from 1 to 63 bytes and no NUL, got ${describe(name)}`)
  }
}

function bufferFull(channel: string, maxBuffered: number): ConnectionsError {
  const message = `the listener to '${channel}' did not keep up: ${maxBuffered} notifications (maxBuffered) lay unread`
  return new ConnectionsError('CONNECTIONS_BUFFER_FULL', message)
}
