import { checkInteger } from '../check.ts'
import type { PostgresClient } from './client.ts'
import { CursorPortal } from './cursor-portal.ts'
import { checkStatement, type PostgresTypes } from './options.ts'

/** Options of a cursor. */
export interface CursorOptions {
  /** Most rows in one batch, which is all that is held of the result. Integer from 1. @default 1_000 */
  readonly batchSize?: number | undefined
  /** Whether it reads only, and may read from a replica, as a statement's option of that name. @default false */
  readonly replica?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the server may take for one batch, in milliseconds. @default `statementTimeoutMs` */
  readonly timeoutMs?: number | undefined
  /** Rows as objects, or as arrays in the order of their columns. @default 'object' */
  readonly rowMode?: 'object' | 'array' | undefined
  /** Parsers for this statement's columns. @default the pool's */
  readonly types?: PostgresTypes | undefined
}

/**
 * The rows of a statement in batches, none of them empty. The statement runs when the first batch is asked for, and
 * each batch is fetched when it is asked for. Leaving the loop early, or disposing it, ends the statement with what
 * it did kept; so does its last row. It can be iterated once.
 */
export interface PostgresCursor<R> extends AsyncIterable<R[]>, AsyncDisposable {
  /** The same one by one. */
  rows(): AsyncIterable<R>
}

/** Where a cursor gets its connection, and when it may use it. */
export interface CursorHost {
  readonly client: PostgresClient
  /** Runs a step of the cursor when it is its turn among the statements on that connection. */
  turn<T>(cursor: object, step: () => Promise<T>): Promise<T>
  /** Whether the session has ended, and with it the statement. */
  isOver(): boolean
  /** The cursor has no more use for the connection. */
  giveBack(): void
}

/** One statement's rows, fetched batch by batch from a portal on a connection that is taken at the first. */
export class Cursor<R> implements PostgresCursor<R> {
  readonly #batches: AsyncGenerator<R[], void, void>
  #taken = false

  /** @throws {TypeError | RangeError} */
  constructor(
    text: string,
    values: readonly unknown[] | undefined,
    options: CursorOptions,
    take: () => Promise<CursorHost>,
  ) {
    const { batchSize = defaults.batchSize } = options
    checkStatement(text, values, options)
    checkInteger('batchSize', batchSize, 1)
    if (batchSize >= 2 ** 31) throw new RangeError(`batchSize must be at most 2147483647, got ${batchSize}`)
    this.#batches = batchesOf<R>(
      (client) =>
        new CursorPortal<R>(client, text, values ?? [], { ...options, name: `code_cursor_${++opened}` }),
      batchSize,
      options.signal,
      take,
    )
  }

  [Symbol.asyncIterator](): AsyncIterator<R[], void> {
    if (this.#taken) throw new TypeError('a cursor can be iterated once')
    this.#taken = true
    return this.#batches
  }

  async *rows(): AsyncGenerator<R, void, void> {
    for await (const batch of this) {
      for (const row of batch) yield row
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#batches.return()
  }
}

const defaults = { batchSize: 1_000 }

let opened = 0

async function* batchesOf<R>(
  open: (client: PostgresClient) => CursorPortal<R>,
  batchSize: number,
  signal: AbortSignal | undefined,
  take: () => Promise<CursorHost>,
): AsyncGenerator<R[], void, void> {
  signal?.throwIfAborted()
  const host = await take()
  const portal = open(host.client)
  let over = false
  const abandon = (): Promise<void> | undefined => {
    if (over) return undefined
    over = true
    const { settling } = host.client
    const abandoned = host
      .turn(portal, () => portal.abandon())
      // The session may have ended, and with it the transaction.
      .catch(() => {})
      .then(() => host.giveBack())
    // One that was given up keeps nobody waiting.
    return settling || signal?.aborted ? undefined : abandoned
  }
  const finish = async (): Promise<void> => {
    if (over) return
    try {
      if (!host.isOver()) await host.turn(portal, () => portal.finish())
    } catch (error) {
      await abandon()
      throw error
    }
    over = true
    host.giveBack()
  }
  const onAbort = (): void => void abandon()

  try {
    while (!portal.exhausted) {
      const rows = await host.turn(portal, () => portal.fetch(batchSize))
      if (portal.exhausted) await finish()
      if (rows.length === 0) continue
      // During a fetch the abort is the fetch's.
      signal?.addEventListener('abort', onAbort)
      try {
        yield rows
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
      if (!portal.exhausted) signal?.throwIfAborted()
    }
    await finish()
  } catch (error) {
    await abandon()
    throw error
  } finally {
    // Left early by its consumer.
    await finish()
  }
}
