import { ConnectionsError } from '../../errors.ts'

/** Hears the messages of a server, each as the part of a buffer that holds its body. */
export interface MessageHandler {
  onMessage(code: number, buffer: Buffer, start: number, end: number): void
  /** Hears of a message that is longer than may be. Tells whether to pass over it; else it is an error. */
  onTooLong(code: number, bytes: number): boolean
}

/** What arrived is not Postgres's protocol. */
export function protocolError(message: string): ConnectionsError {
  return new ConnectionsError('CONNECTIONS_PROTOCOL', message)
}

/** Cuts a stream of bytes into messages of Postgres's protocol 3.0: a code, a length, a body. */
export class MessageReader {
  readonly #handler: MessageHandler
  readonly #maxBytes: number
  /** The pieces of a message that has not arrived whole. */
  #pieces: Buffer[] = []
  #piecesBytes = 0
  /** With how many bytes the pieces can be read on; 0 while there are none. */
  #neededBytes = 0
  /** How much of a message that is passed over has not arrived. */
  #skipBytes = 0

  /** A message longer than `maxBytes` is passed over or refused, as the handler says. */
  constructor(handler: MessageHandler, maxBytes: number) {
    this.#handler = handler
    this.#maxBytes = maxBytes
  }

  /** @throws {ConnectionsError} CONNECTIONS_PROTOCOL and what the handler throws */
  push(chunk: Buffer): void {
    let buffer = chunk
    let at = this.#skip(chunk, 0)
    if (this.#neededBytes > 0) {
      this.#pieces.push(chunk)
      this.#piecesBytes += chunk.length
      if (this.#piecesBytes < this.#neededBytes) return
      buffer = Buffer.concat(this.#pieces, this.#piecesBytes)
      this.#pieces = []
      this.#neededBytes = 0
    }

    while (buffer.length - at >= headerBytes) {
      const code = buffer[at]!
      const bytes = 1 + readUint32(buffer, at + 1)
      if (bytes < headerBytes || bytes > longestBytes) throw tooLong(bytes)
      if (bytes > this.#maxBytes) {
        if (!this.#handler.onTooLong(code, bytes)) throw tooLong(bytes)
        this.#skipBytes = bytes
        at = this.#skip(buffer, at)
        continue
      }
      if (at + bytes > buffer.length) return this.#keep(buffer.subarray(at), bytes)
      this.#handler.onMessage(code, buffer, at + headerBytes, at + bytes)
      at += bytes
    }
    if (at < buffer.length) this.#keep(buffer.subarray(at), headerBytes)
  }

  /** Passes over what is to be passed over. Returns where to read on. */
  #skip(buffer: Buffer, at: number): number {
    const bytes = Math.min(this.#skipBytes, buffer.length - at)
    this.#skipBytes -= bytes
    return at + bytes
  }

  #keep(rest: Buffer, neededBytes: number): void {
    this.#pieces = [rest]
    this.#piecesBytes = rest.length
    this.#neededBytes = neededBytes
  }
}

const headerBytes = 5
/** Postgres makes no message as long as this (MaxAllocSize in its memutils.h). */
const longestBytes = 0x4000_0000

function tooLong(bytes: number): ConnectionsError {
  return protocolError(`the server sent a message of ${bytes} bytes`)
}

export function readUint32(buffer: Buffer, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0
}

export function readInt32(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
}

export function readInt16(buffer: Buffer, at: number): number {
  return (((buffer[at]! << 8) | buffer[at + 1]!) << 16) >> 16
}

/** Where the text that begins at `start` has its NUL. */
export function endOfText(buffer: Buffer, start: number, end: number): number {
  const at = buffer.indexOf(0, start)
  if (at < 0 || at >= end) throw protocolError('the server sent a text without an end')
  return at
}
