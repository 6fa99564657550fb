import { expect, test } from 'vitest'
import { LagHistory, parsePosition } from '../../src/postgres/replica-lag.ts'

test('positions are read as bytes, and compared across the halves of 32 bits', () => {
  expect(parsePosition('0/0')).toBe(0n)
  expect(parsePosition('16/B374D848')).toBe(0x16b374d848n)
  expect(parsePosition('1/0') > parsePosition('0/FFFFFFFF')).toBe(true)
  expect(() => parsePosition('')).toThrow('no position')
  expect(() => parsePosition('1/2/3')).toThrow('no position')
})

test('a replica has everything up to the latest mark that it has reached', () => {
  const history = new LagHistory()
  history.add(100, 1_000n)
  history.add(200, 2_000n)
  history.add(300, 3_000n)
  expect(history.coveredAt(2_999n)).toBe(200)
  expect(history.coveredAt(3_000n)).toBe(300)
  expect(history.coveredAt(9_000n)).toBe(300)
})

test('of a replica behind all marks nothing is known', () => {
  const history = new LagHistory()
  expect(history.coveredAt(5n)).toBe(-Infinity)
  history.add(100, 1_000n)
  expect(history.coveredAt(999n)).toBe(-Infinity)
})

test('who has the last position of an idle primary has everything, however long that is ago', () => {
  const history = new LagHistory()
  history.add(100, 1_000n)
  for (let at = 200; at <= 100_000; at += 100) history.add(at, 1_000n)
  expect(history.coveredAt(1_000n)).toBe(100_000)
})

test('a primary that went back is another one, whose marks count alone', () => {
  const history = new LagHistory()
  expect(history.add(100, 1_000n)).toBe('went on')
  expect(history.add(200, 2_000n)).toBe('went on')
  expect(history.add(300, 1_500n)).toBe('went back')
  expect(history.coveredAt(1_499n)).toBe(-Infinity)
  expect(history.coveredAt(2_000n)).toBe(300)
})

test('old marks are forgotten, so that the history of a busy primary stays short', () => {
  const history = new LagHistory()
  for (let i = 1; i <= 10_000; i++) history.add(i, BigInt(i))
  expect(history.coveredAt(10_000n)).toBe(10_000)
  expect(history.coveredAt(9_950n)).toBe(9_950)
  expect(history.coveredAt(9_000n)).toBe(-Infinity)
})
