import { StreamError, StreamProcessor, type ReadOptions, type RecordError } from '../src/index.ts'

export interface Outcome<T = unknown> {
  readonly values: T[]
  readonly errors: readonly RecordError[]
  /** What ended the stream before its end. */
  readonly failure: StreamError | undefined
}

/** Reads a text that arrives `pieceBytes` at a time. */
export async function read<T = unknown>(
  text: string | Uint8Array,
  options: ReadOptions<T> = {},
  pieceBytes: number = Infinity,
): Promise<Outcome<T>> {
  const stream = new StreamProcessor().process<T>(pieces(text, pieceBytes), options)
  const values: T[] = []
  try {
    for await (const chunk of stream) values.push(...chunk)
    return { values, errors: stream.errors, failure: undefined }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error
    return { values, errors: stream.errors, failure: error }
  }
}

export async function* pieces(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}
