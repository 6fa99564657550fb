import { expect, test } from 'vitest'
import { Fifo } from '../src/fifo.ts'
import { seeded } from './postgres/wire/conversation.ts'

test('whatever is done at its ends, it holds what an array would', () => {
  const seed = Date.now() | 0
  const random = seeded(seed)
  const fifo = new Fifo<number>()
  const model: number[] = []
  for (let i = 0; i < 20_000; i++) {
    // Now it grows, now it shrinks.
    const grows = Math.sin(i / 2_000) > 0 ? 0.6 : 0.3
    const dice = random()
    if (dice < grows) {
      fifo.push(i)
      model.push(i)
    } else if (dice < grows + 0.1) {
      fifo.unshift(i)
      model.unshift(i)
    } else {
      expect(fifo.shift(), `seed ${seed}`).toBe(model.shift())
    }
    expect(fifo.length, `seed ${seed}`).toBe(model.length)
    expect(fifo.first, `seed ${seed}`).toBe(model[0])
    if (i % 500 === 0) expect([...fifo], `seed ${seed}`).toEqual(model)
  }
})

test('a crowd comes and goes in order', () => {
  const fifo = new Fifo<number>()
  for (let i = 0; i < 100_000; i++) fifo.push(i)
  for (let i = 0; i < 100_000; i++) expect(fifo.shift()).toBe(i)
  expect(fifo.shift()).toBe(undefined)
  expect(fifo.first).toBe(undefined)
  expect([...fifo]).toEqual([])
})
