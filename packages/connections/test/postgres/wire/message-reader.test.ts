import { expect, test } from 'vitest'
import { endOfText, MessageReader, type MessageHandler } from '../../../src/postgres/wire/message-reader.ts'
import { seeded } from './conversation.ts'

/** Writes down what it hears, as code and body. */
class Notes implements MessageHandler {
  readonly heard: string[] = []
  readonly passedOver: string[] = []

  onMessage(code: number, buffer: Buffer, start: number, end: number): void {
    this.heard.push(String.fromCharCode(code) + buffer.toString('latin1', start, end))
  }

  onTooLong(code: number, bytes: number): boolean {
    this.passedOver.push(`${String.fromCharCode(code)}${bytes}`)
    return code === 68
  }
}

function message(code: string, body: string): Buffer {
  const head = Buffer.from(`${code}    `)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, Buffer.from(body, 'latin1')])
}

test('however the stream is split, the messages are the same', () => {
  const seed = Date.now() | 0
  const random = seeded(seed)
  for (let round = 0; round < 300; round++) {
    // Rows of more than a thousand bytes are passed over.
    const said = Array.from({ length: 20 }, () => {
      const row = random() < 0.5
      const bytes = row && random() < 0.2 ? 2_000 * random() : 12 * random()
      return (row ? 'D' : 'TZ'[Math.floor(random() * 2)]!) + String.fromCharCode(random() * 256).repeat(bytes)
    })
    const stream = Buffer.concat(said.map((text) => message(text[0]!, text.slice(1))))
    const heard = said.filter((text) => text.length + 4 <= 1_000)
    const notes = new Notes()
    const reader = new MessageReader(notes, 1_000)
    const longest = [1, 3, 7, 100, 5_000][round % 5]!
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + Math.floor(random() * longest)
      reader.push(stream.subarray(at, end))
      at = end
    }
    expect(notes.passedOver).toHaveLength(said.length - heard.length)
    expect(notes.heard, `seed ${seed}, round ${round}`).toEqual(
      heard.filter(({ length }) => length + 4 <= 1_000),
    )
  }
})

test('a message of exactly the most bytes is heard, and one more is too long', () => {
  const notes = new Notes()
  const reader = new MessageReader(notes, 20)
  reader.push(message('D', 'x'.repeat(15)))
  expect(notes.heard).toEqual([`D${'x'.repeat(15)}`])
  reader.push(message('D', 'x'.repeat(16)))
  expect(notes.passedOver).toEqual(['D21'])
  expect(() => reader.push(message('T', 'x'.repeat(16)))).toThrow('the server sent a message of 21 bytes')
})

test.for([0, 1, 3])('a length of %s, less than its own four bytes, is refused', (length) => {
  const reader = new MessageReader(new Notes(), 1_000)
  expect(() => reader.push(Buffer.from([68, 0, 0, 0, length]))).toThrow(/the server sent a message of/)
})

test('a row longer than any that Postgres makes is refused, not passed over', () => {
  const notes = new Notes()
  const reader = new MessageReader(notes, 1_000)
  expect(() => reader.push(Buffer.from([68, 0xff, 0xff, 0xff, 0xff]))).toThrow(/4294967296 bytes/)
  expect(notes.passedOver).toEqual([])
})

test('what the handler throws comes out', () => {
  const mistake = new Error('not that')
  const onMessage = (): void => {
    throw mistake
  }
  const reader = new MessageReader({ onMessage, onTooLong: () => false }, 1_000)
  expect(() => reader.push(message('Z', 'I'))).toThrow(mistake)
})

test('a text ends in its own message', () => {
  const buffer = Buffer.from('ab\0cd\0')
  expect(endOfText(buffer, 0, 3)).toBe(2)
  expect(() => endOfText(buffer, 3, 5)).toThrow('a text without an end')
  expect(() => endOfText(buffer, 6, 6)).toThrow('a text without an end')
})
