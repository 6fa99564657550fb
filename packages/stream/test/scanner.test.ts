import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BLOCK, TEXT } from '../src/scanner-code.ts'
import { Scanner } from '../src/scanner.ts'

const seed = Number(process.env['CODE_STREAM_SEED'] ?? Date.now() % 2 ** 31)

interface Scanned {
  ends: number[]
  depth: number
  deepest: number
  newlines: number
  closed: boolean
  torn: boolean
}

/** What the scanner should find, by the plainest means. */
function scanPlainly(text: string, lines: boolean): Scanned {
  const found: Scanned = { ends: [], depth: 0, deepest: 0, newlines: 0, closed: false, torn: false }
  let inString = false
  let escaped = false
  for (let at = 0; at < text.length && !found.closed; at++) {
    const char = text[at]!
    // Escapes matter to quotes alone. Outside of strings they are errors, which JSON.parse will find.
    if (char === '"' && !escaped) inString = !inString
    escaped = char === '\\' && !escaped
    if (char === '\n') {
      found.newlines++
      if (lines) found.ends.push(at)
      if (lines) found.torn ||= inString || found.depth !== 0
    }
    if (inString) continue
    if (char === '[' || char === '{') found.deepest = Math.max(found.deepest, ++found.depth)
    if (char === ']' || char === '}') found.closed = --found.depth < 0 && !lines
    if (lines && char === ',') found.torn ||= found.depth === 0
    if (!lines && (found.closed || (char === ',' && found.depth === 0))) found.ends.push(at)
  }
  return found
}

test.each([false, true])('finds what a plain scanner finds, whatever the pieces (lines: %s)', (lines) => {
  const unit = fc.constantFrom('"', '\\', '\\\\', '[', ']', '{', '}', ',', '\n', 'a', ' ', 'é')
  const texts = fc.string({ unit, maxLength: 600, size: 'max' })
  const property = fc.property(texts, fc.array(fc.integer({ min: 1, max: 4 })), (text, pieces) => {
    const scanner = new Scanner(4096)
    const bytes = Buffer.from(text)
    const length = Math.ceil(bytes.length / BLOCK) * BLOCK
    scanner
      .view()
      .fill(' ', TEXT, TEXT + length)
      .set(bytes, TEXT)

    const seen = { ends: [] as number[], deepest: 0, newlines: 0 }
    for (let at = 0, piece = 0; at < length && !scanner.closed; piece++) {
      const to = Math.min(length, at + BLOCK * (pieces[piece] ?? 100))
      seen.ends.push(...Array.from(scanner.scan(TEXT + at, TEXT + to, lines), (end) => end - TEXT))
      seen.deepest = Math.max(seen.deepest, scanner.deepest)
      seen.newlines += scanner.newlines
      at = to
    }
    const { depth, closed, torn } = scanner
    const expected = scanPlainly(bytes.toString('latin1'), lines)
    // What comes after the closing bracket in its block is of no interest.
    if (closed) Object.assign(seen, { deepest: expected.deepest, newlines: expected.newlines })
    expect({ ...seen, depth, closed, torn }).toEqual(expected)
  })
  fc.assert(property, { seed, numRuns: 1000 })
})
