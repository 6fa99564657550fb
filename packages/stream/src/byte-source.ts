import { open, type FileHandle } from 'node:fs/promises'
import type { ReadableStream } from 'node:stream/web'

/** Bytes to be read once, from start to end. */
export interface ByteSource {
  /** What errors and telemetry call it. */
  readonly name: string
  /** Its size, where that is known. */
  readonly totalBytes: number | undefined
  /** Puts the next bytes into `into` and returns how many; 0 at the end, and once it is closed. */
  read(into: Uint8Array): Promise<number>
  /** Gives up what it holds, also while a read is waiting. May be called again. */
  close(): Promise<void>
}

/** A file, opened by the first read. */
export function fileSource(path: string): ByteSource {
  let opening: Promise<FileHandle> | undefined
  let closing: Promise<void> | undefined

  const source = { name: path, totalBytes: undefined as number | undefined, read, close }
  return source

  async function openFile(): Promise<FileHandle> {
    const file = await open(path)
    const stats = await file.stat().catch(() => undefined)
    if (stats?.isFile() === true) source.totalBytes = stats.size
    return file
  }

  async function read(into: Uint8Array): Promise<number> {
    if (closing !== undefined) return 0
    opening ??= openFile()
    try {
      const file = await opening
      const { bytesRead } = await file.read(into, 0, into.length)
      return bytesRead
    } catch (error) {
      if (closing !== undefined) return 0
      throw error
    }
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      const file = await opening?.catch(() => undefined)
      await file?.close()
    })()
    return closing
  }
}

/** Whatever gives pieces of bytes of any size. */
export function iterableSource(from: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>): ByteSource {
  const pieces = 'getReader' in from ? piecesOf(from) : from[Symbol.asyncIterator]()
  let rest = new Uint8Array()
  let stopWaiting: (() => void) | undefined
  let ended = false
  let closing: Promise<void> | undefined
  return { name: 'stream', totalBytes: undefined, read, close }

  async function read(into: Uint8Array): Promise<number> {
    while (rest.length === 0) {
      const piece = closing === undefined ? await nextPiece() : undefined
      if (piece === undefined) return 0
      rest = piece
    }
    const part = rest.subarray(0, into.length)
    into.set(part)
    rest = rest.subarray(part.length)
    return part.length
  }

  async function nextPiece(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const stopped = new Promise<undefined>((resolve) => {
      stopWaiting = () => resolve(undefined)
    })
    let next: IteratorResult<unknown> | undefined
    try {
      next = await Promise.race([pieces.next(), stopped])
    } catch (error) {
      ended = true
      throw error
    } finally {
      stopWaiting = undefined
    }
    if (next === undefined || next.done === true) {
      ended ||= next !== undefined
      return undefined
    }
    if (next.value instanceof Uint8Array) return next.value as Uint8Array<ArrayBuffer>
    throw new TypeError(`the source must give Uint8Array, got ${typeof next.value}`)
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      if (ended) return
      const returned = pieces.return?.()
      // A generator returns only after its pending `next`, which may never come.
      if (stopWaiting === undefined) await returned
      else Promise.resolve(returned).catch(() => undefined)
      stopWaiting?.()
    })()
    return closing
  }
}

/** The iterator of a web stream waits for a pending read before it cancels; its reader does not. */
function piecesOf(stream: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  const reader = stream.getReader()
  return {
    next: async () => {
      const { done, value } = await reader.read()
      return done ? { done, value: undefined } : { done, value }
    },
    return: async () => {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
