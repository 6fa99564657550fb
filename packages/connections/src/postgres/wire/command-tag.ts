import { protocolError } from './message-reader.ts'

/** What the server says it did, whole and taken apart: `INSERT 0 1`, `INSERT`, 1. */
export interface CommandTag {
  readonly text: string
  /** The first word. */
  readonly command: string
  /** How many rows it returned or changed, where that makes sense. */
  readonly rowCount: number | null
}

/** Reads CommandComplete. One tag tends to come many times in a row, and is taken apart once. */
export class CommandTags {
  #latest: CommandTag = { text: '', command: '', rowCount: null }

  read(buffer: Buffer, start: number, end: number): CommandTag {
    if (end === start || buffer[end - 1] !== 0) throw protocolError('the server sent a text without an end')
    if (!isText(this.#latest.text, buffer, start, end - 1)) {
      this.#latest = takenApart(buffer.toString('latin1', start, end - 1))
    }
    return this.#latest
  }
}

function isText(text: string, buffer: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== buffer[start + i]) return false
  }
  return true
}

function takenApart(text: string): CommandTag {
  const words = text.split(' ')
  const last = words.at(-1)!
  return { text, command: words[0]!, rowCount: /^\d+$/.test(last) ? Number(last) : null }
}
