import { ConnectionsError } from '../errors.ts'
import type { PostgresClient } from './client.ts'
import { Listener, type ListenOptions, type PostgresListener, type PostgresNotification } from './listener.ts'
import { unlessAborted } from './transaction.ts'

/** Where the connection comes from. */
export interface ListenSource {
  /** @throws {ConnectionsError} */
  take(signal: AbortSignal): Promise<PostgresClient>
  giveBack(client: PostgresClient): void
}

/**
 * All the listeners of a pool, on one connection, which is taken for the first and given back after the last. When it
 * is lost, another is taken, after a pause that grows with each failure and is never the same.
 */
export class Listening {
  #closed = false
  readonly #source: ListenSource
  readonly #listeners = new Map<string, Set<Listener>>()
  /** The channels that the connection listens to. */
  readonly #heard = new Set<string>()
  #client: PostgresClient | undefined
  #taking = new AbortController()
  /** What is done to the connection now, and what will be after that. */
  #now: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #checkIsDue = false
  #checking: NodeJS.Timeout | undefined
  #recovering = false
  #endPause: (() => void) | undefined

  constructor(source: ListenSource) {
    this.#source = source
  }

  /** Resolves when the server has taken note. @throws {TypeError | RangeError | ConnectionsError} */
  async listen(channel: string, options: ListenOptions = {}): Promise<PostgresListener> {
    const listener = new Listener(channel, options, (ended) => this.#leave(ended))
    const others = this.#listeners.get(channel)
    if (others === undefined) this.#listeners.set(channel, new Set([listener]))
    else others.add(listener)
    try {
      await unlessAborted(this.#adjust(), options.signal)
      if (this.#closed)
        throw new ConnectionsError('CONNECTIONS_CLOSED', 'the pool was closed before the server took note')
    } catch (error) {
      void listener.end()
      throw error
    }
    return listener
  }

  /** Ends all listeners. */
  close(): void {
    this.#closed = true
    for (const listener of this.#all()) void listener.end()
  }

  *#all(): Iterable<Listener> {
    for (const listeners of this.#listeners.values()) yield* listeners
  }

  /** Never rejects: what fails here is made good when the connection is taken anew. */
  async #leave(listener: Listener): Promise<void> {
    const others = this.#listeners.get(listener.channel)
    if (others?.delete(listener) && others.size === 0) this.#listeners.delete(listener.channel)
    if (this.#listeners.size === 0) {
      this.#taking.abort(new Error('nobody listens any more'))
      this.#endPause?.()
    }
    await this.#adjust().catch(() => {})
  }

  /** Makes the connection listen to what is wanted. Calls that come while it is busy share the next time. */
  #adjust(): Promise<void> {
    return (this.#next ??= this.#now.then(() => {
      this.#next = undefined
      const adjusted = this.#adjustNow()
      this.#now = adjusted.catch(() => {})
      return adjusted
    }))
  }

  async #adjustNow(): Promise<void> {
    if (this.#listeners.size === 0) return this.#letGo()
    const client = this.#client ?? (await this.#take())
    const wanted = [...this.#listeners.keys()]
    await this.#say(client, 'listen', missing(wanted, this.#heard))
    for (const channel of wanted) {
      this.#heard.add(channel)
      for (const listener of this.#listeners.get(channel) ?? []) listener.resumed()
    }
    const unwanted = [...this.#heard].filter((channel) => !this.#listeners.has(channel))
    await this.#say(client, 'unlisten', unwanted)
    for (const channel of unwanted) this.#heard.delete(channel)
    if (!this.#checkIsDue) return
    this.#checkIsDue = false
    await this.#query(client, 'select 1')
  }

  async #say(client: PostgresClient, verb: string, channels: readonly string[]): Promise<void> {
    if (channels.length === 0) return
    await this.#query(client, channels.map((channel) => `${verb} ${quote(channel)}`).join('; '))
  }

  async #query(client: PostgresClient, text: string): Promise<void> {
    const timeoutMs = Math.min(longestAnswerMs, client.settings.statementTimeoutMs)
    await client.query(text, undefined, { timeoutMs })
    // It may be lost between the answer and here.
    if (client !== this.#client) throw new Error('the connection was lost')
  }

  async #take(): Promise<PostgresClient> {
    this.#taking = new AbortController()
    const client = await this.#source.take(this.#taking.signal)
    const { lostBy } = client.wire
    if (lostBy !== undefined) {
      this.#source.giveBack(client)
      throw lostBy.error
    }
    this.#client = client
    client.wire.onNotification = (notification) => this.#onNotification(notification)
    client.wire.onLost = () => this.#onLost(client)
    // A connection that only hears would not notice for long that nobody is there any more.
    this.#checking = setInterval(() => {
      this.#checkIsDue = true
      void this.#adjust().catch(() => {})
    }, checkEveryMs).unref()
    return client
  }

  #letGo(): void {
    const client = this.#detach()
    if (client !== undefined) this.#source.giveBack(client)
  }

  #detach(): PostgresClient | undefined {
    const client = this.#client
    this.#client = undefined
    this.#heard.clear()
    this.#checkIsDue = false
    clearInterval(this.#checking)
    if (client === undefined) return undefined
    client.wire.onNotification = undefined
    client.wire.onLost = undefined
    return client
  }

  #onNotification(notification: PostgresNotification): void {
    for (const listener of this.#listeners.get(notification.channel) ?? []) listener.take(notification)
  }

  #onLost(client: PostgresClient): void {
    for (const channel of this.#heard) {
      for (const listener of this.#listeners.get(channel) ?? []) listener.interrupted()
    }
    this.#detach()
    // It is in the middle of being hung up.
    queueMicrotask(() => this.#source.giveBack(client))
    void this.#recover()
  }

  /** Listens again, however long that takes. */
  async #recover(): Promise<void> {
    if (this.#recovering) return
    this.#recovering = true
    for (let attempt = 0; missing(this.#listeners.keys(), this.#heard).length > 0; attempt++) {
      await this.#pause(Math.random() * Math.min(longestPauseMs, shortestPauseMs * 2 ** attempt))
      await this.#adjust().catch(() => {})
    }
    this.#recovering = false
  }

  /** A pause that ends when nobody listens any more. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

const checkEveryMs = 30_000
const longestAnswerMs = 5_000
const shortestPauseMs = 100
const longestPauseMs = 5_000

function missing(wanted: Iterable<string>, heard: ReadonlySet<string>): string[] {
  return [...wanted].filter((channel) => !heard.has(channel))
}

function quote(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`
}
