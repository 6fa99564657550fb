import { expect, test } from 'vitest'
import { ObjectPool, type ObjectPoolOptions } from '../src/index.ts'

const wrong: [Partial<Record<keyof ObjectPoolOptions<object>, unknown>>, string][] = [
  [{ maxSize: 0 }, 'maxSize must be an integer from 1, got 0'],
  [{ maxSize: undefined }, 'maxSize must be an integer from 1, got undefined'],
  [{ maxSize: '5' }, "maxSize must be an integer from 1, got '5'"],
  [{ minSize: 3 }, 'minSize must be at most maxSize (2), got 3'],
  [{ maxWaiting: -1 }, 'maxWaiting must be an integer from 0, got -1'],
  [{ order: 'random' }, "order must be 'lifo' or 'fifo', got 'random'"],
  [{ create: 7 }, 'create must be a function, got 7'],
  [{ reset: true }, 'reset must be a function, got true'],
  [{ name: 5 }, 'name must be a string, got 5'],
  [{ onLeak: 'log' }, "onLeak must be a function, got 'log'"],
  [{ maxCreating: 0 }, 'maxCreating must be an integer from 1, got 0'],
  [{ maxUses: 1.5 }, 'maxUses must be an integer from 1, got 1.5'],
  [{ preCreate: 3 }, 'preCreate must be true or false, got 3'],
  [{ leakAfterMs: -1 }, 'leakAfterMs must be milliseconds from 1 to 2147483647, got -1'],
  [{ acquireTimeoutMs: 0 }, 'acquireTimeoutMs must be milliseconds from 1 to 2147483647, got 0'],
  [{ idleTimeoutMs: Infinity }, 'idleTimeoutMs must be milliseconds from 1 to 2147483647, got Infinity'],
]

test.each(wrong)('%o is refused at construction', (options, message) => {
  const all = { create: () => ({}), maxSize: 2, ...options } as ObjectPoolOptions<object>
  expect(() => new ObjectPool(all)).toThrow(message)
})

test('what are no options is refused', () => {
  expect(() => new ObjectPool(undefined as never)).toThrow('options must be an object, got undefined')
  const pool = new ObjectPool({ create: () => ({}), maxSize: 2 })
  expect(() => pool.resize(7 as never)).toThrow('sizes must be an object, got 7')
})

test('an option that is undefined has its default', () => {
  const pool = new ObjectPool({ create: () => ({}), maxSize: 2, minSize: undefined, name: undefined })
  expect(pool.stats().minSize).toBe(0)
  expect(pool.name).toMatch(/^pool-\d+$/)
})
