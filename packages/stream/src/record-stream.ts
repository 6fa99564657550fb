import { ReadableStream } from 'node:stream/web'
import type { ByteSource } from './byte-source.ts'
import { StreamError, type RecordError } from './errors.ts'
import { Framer } from './framer.ts'
import type { Group } from './group.ts'
import type { Settings } from './options.ts'
import type { SchemaIssue } from './standard-schema.ts'
import { doneChannel, progressChannel, type DoneMessage, type ProgressMessage } from './telemetry.ts'

/**
 * Records as they are read, in chunks. Nothing is opened before the first chunk is asked for; leaving the
 * loop, an error, an abort and disposing close the file. It can be read once, in one of the three ways.
 */
export interface RecordStream<T> extends AsyncIterable<T[]>, AsyncDisposable {
  /** The records one by one: easier to write, and slower than a loop over each chunk. */
  records(): AsyncIterableIterator<T>
  /** The bad records so far, under `onError: 'collect'`. */
  readonly errors: readonly RecordError[]
  /** The chunks as a web stream that reads only when it is read. */
  toWebStream(): ReadableStream<T[]>
}

export class Reading<T> implements RecordStream<T> {
  readonly errors: RecordError[] = []
  readonly #source: ByteSource
  readonly #settings: Settings<T>
  readonly #framer: Framer
  readonly #chunks: AsyncGenerator<T[], void, undefined> = this.#read()
  #taken = false
  #disposed = false
  #ready: T[] = []
  #bytes = 0
  #records = 0
  #badRecords = 0
  #reportAt = REPORT_BYTES

  constructor(source: ByteSource, settings: Settings<T>) {
    this.#source = source
    this.#settings = settings
    this.#framer = new Framer(source.name, settings)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T[]> {
    if (this.#taken) throw new TypeError('a RecordStream can be read only once')
    this.#taken = true
    return this.#chunks
  }

  records(): AsyncIterableIterator<T> {
    return flatten(this[Symbol.asyncIterator]())
  }

  toWebStream(): ReadableStream<T[]> {
    return ReadableStream.from(this[Symbol.asyncIterator]())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#source.close()
    await this.#chunks.return()
  }

  async *#read(): AsyncGenerator<T[], void, undefined> {
    const { signal, chunkSize } = this.#settings
    const startedAt = performance.now()
    // What closing may fail with is reported by the close at the end.
    const onAbort = (): void => void this.#source.close().catch(() => undefined)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      let reading = true
      let failure: { readonly error: unknown } | undefined
      while (reading) {
        signal?.throwIfAborted()
        try {
          reading = await this.#advance()
        } catch (error) {
          // Thrown after the records before it are delivered.
          failure = { error }
          reading = false
        }
        signal?.throwIfAborted()
        if (this.#disposed) return

        const ready = this.#ready
        const least = reading ? chunkSize : 1
        let at = 0
        while (ready.length - at >= least) {
          yield ready.slice(at, (at += chunkSize))
          signal?.throwIfAborted()
        }
        if (at > 0) this.#ready = ready.slice(at)
      }
      if (failure !== undefined) throw failure.error
    } finally {
      signal?.removeEventListener('abort', onAbort)
      await this.#source.close()
      this.#publishDone(performance.now() - startedAt)
    }
  }

  /** Takes the next group or reads on; false at the end. */
  async #advance(): Promise<boolean> {
    const group = this.#framer.next()
    if (group !== undefined) {
      await this.#accept(group)
      return true
    }
    if (this.#framer.ended) {
      this.#report()
      return false
    }
    await this.#fill()
    if (this.#bytes >= this.#reportAt) this.#report()
    return true
  }

  async #fill(): Promise<void> {
    try {
      const count = await this.#source.read(this.#framer.room())
      this.#bytes += count
      this.#framer.filled(count)
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause)
      throw this.#framer.error('STREAM_READ', 'reading failed', detail, cause)
    }
  }

  async #accept(group: Group): Promise<void> {
    const { schema } = this.#settings
    const values = group.values()
    for (let i = 0; i < group.count; i++) {
      try {
        const value = values === undefined ? group.value(i) : values[i]
        this.#ready.push(schema === undefined ? (value as T) : await this.#validated(value, group, i))
        this.#records++
      } catch (error) {
        this.#refuse(error)
      }
    }
  }

  async #validated(value: unknown, group: Group, index: number): Promise<T> {
    const outcome = this.#settings.schema!['~standard'].validate(value)
    // Most schemas answer at once, and waiting for them all the same would cost a turn for each record.
    const result = isThenable(outcome) ? await outcome : outcome
    if (result.issues === undefined) return result.value
    throw group.error(index, 'STREAM_SCHEMA', result.issues.map(describeIssue).join('; '), result.issues)
  }

  #refuse(error: unknown): void {
    const { onError, maxErrors } = this.#settings
    // What else a schema throws is no fault of the record.
    if (!(error instanceof StreamError)) throw error
    this.#badRecords++
    if (onError === 'throw') throw error
    if (this.#badRecords > maxErrors) {
      const detail = `more than maxErrors, ${maxErrors}`
      throw new StreamError('STREAM_TOO_MANY_ERRORS', 'too many bad records', error, detail, error)
    }
    if (onError === 'collect') this.errors.push(error as RecordError)
  }

  #report(): void {
    this.#reportAt = this.#bytes + REPORT_BYTES
    const message = this.#message()
    if (progressChannel.hasSubscribers) progressChannel.publish(message)
    const { bytes, records, errors } = message
    this.#settings.onProgress?.({ bytes, totalBytes: this.#source.totalBytes, records, errors })
  }

  #publishDone(ms: number): void {
    if (doneChannel.hasSubscribers) doneChannel.publish({ ...this.#message(), ms } satisfies DoneMessage)
  }

  #message(): ProgressMessage {
    const [bytes, records, errors] = [this.#bytes, this.#records, this.#badRecords]
    return { source: this.#source.name, bytes, records, errors }
  }
}

const REPORT_BYTES = 1_048_576

async function* flatten<T>(chunks: AsyncIterable<T[]>): AsyncGenerator<T, void, undefined> {
  for await (const chunk of chunks) yield* chunk
}

function isThenable<R>(outcome: R | PromiseLike<R>): outcome is PromiseLike<R> {
  return typeof (outcome as Partial<PromiseLike<R>> | null | undefined)?.then === 'function'
}

function describeIssue({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}
