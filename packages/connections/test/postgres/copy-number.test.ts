import { expect, test } from 'vitest'
import { longestNumber, writeNumber } from '../../src/postgres/copy-number.ts'

const integers = [0, -0, 1, -1, 9, 10, 99_999, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 1e20, 1e21]
const decimals = [0.1, -0.5, 1e-6, -1e-6, 1e-7, 1.000_000_5, 0.1 + 0.2, 4.35, 1.005, 100.000_001, Math.PI]
const widest = [999_999_999.999_999, -999_999_999.999_999, 1_000_000_000.5, -0.000_001_234_567_890_123_456_7]
const extremes = [Number.MAX_VALUE, Number.MIN_VALUE, -2.225_073_858_507_201_4e-308, -Infinity, Infinity, NaN]

test.each([...integers, ...decimals, ...widest, ...extremes])('%d is written as String gives it', (value) => {
  expect(written(value)).toBe(String(value))
})

test('any number is written as String gives it, within the room for the longest', () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.info(`seed ${seed}`)
  const random = xorshift(seed)
  const bits = new Uint32Array(2)
  const double = new Float64Array(bits.buffer)
  for (let i = 0; i < 20_000; i++) {
    bits[0] = random() * 2 ** 32
    bits[1] = random() * 2 ** 32
    const short = Math.round(random() * 10 ** (i % 17)) / 10 ** (i % 11)
    const values = [double[0]!, random(), short, -short, Math.floor((random() - 0.5) * 2 ** (i % 60))]
    const wrong = values.filter((value) => written(value) !== String(value))
    expect(wrong).toEqual([])
  }
})

function written(value: number): string {
  const buffer = Buffer.alloc(longestNumber + 4, '#')
  const end = writeNumber(buffer, 2, value)
  const text = buffer.toString('latin1')
  expect(text.slice(0, 2) + text.slice(end)).toMatch(/^#{4,}$/)
  return text.slice(2, end)
}

function xorshift(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
