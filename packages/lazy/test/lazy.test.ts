import { expect, test } from 'vitest'
import { lazy } from '../src/index.ts'
import { runNode } from './run-node.ts'

test('a value is made at the first call and never again', () => {
  let made = 0
  const value = lazy(() => ({ number: ++made }))
  expect(made).toBe(0)
  expect(value()).toBe(value())
  expect(made).toBe(1)
})

test('undefined is a value too', () => {
  let made = 0
  const value = lazy(() => void made++)
  value()
  value()
  expect(made).toBe(1)
})

test('what is thrown is not kept: the next call makes the value', () => {
  let calls = 0
  const value = lazy(() => {
    if (++calls === 1) throw new Error('not yet')
    return 'made'
  })
  expect(value).toThrow('not yet')
  expect(value()).toBe('made')
  expect(calls).toBe(2)
})

test('callers share one promise, and a rejection is not kept', async () => {
  let calls = 0
  const value = lazy(async () => {
    await Promise.resolve()
    if (++calls === 1) throw new Error('not yet')
    return 'made'
  })
  const first = value()
  expect(value()).toBe(first)
  await expect(first).rejects.toThrow('not yet')
  await expect(value()).resolves.toBe('made')
  await expect(value()).resolves.toBe('made')
  expect(calls).toBe(2)
})

test('a rejection for which nobody waits is told as any other', async () => {
  const program = `
    import { lazy, lazyModule } from '@code/lazy'
    process.on('unhandledRejection', ({ message }) => console.log(message))
    void lazy(() => Promise.reject(new Error('unheard')))()
    void lazyModule(() => Promise.reject(new Error('no such module'))).load()`
  const lines = await runNode(['--input-type=module', '--eval', program])
  expect(lines.trim().split('\n').toSorted()).toEqual(['no such module', 'unheard'])
})

test('a thenable that is no promise is left alone: to call its then could start something', () => {
  let started = false
  const query = {}
  Reflect.set(query, 'then', () => (started = true))
  expect(lazy(() => query)()).toBe(query)
  expect(started).toBe(false)
})

test('a value that asks for itself is named, and can be made later', () => {
  let again = true
  const value = lazy(function settings(): string {
    return again ? `${value()}!` : 'made'
  })
  expect(value).toThrow(
    expect.objectContaining({
      code: 'LAZY_CYCLE',
      message: 'lazy value of settings: asked for while it was being made',
    }),
  )
  again = false
  expect(value()).toBe('made')
})

test('what is no function is refused at once', () => {
  expect(() => lazy(7 as never)).toThrow(new TypeError('make must be a function, got 7'))
})
