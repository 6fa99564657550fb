import { expect, test } from 'vitest'
import { collectGarbage } from '../src/index.ts'
import { forcedCollections } from './forced-collections.ts'
import { runNode } from './run-node.ts'

test('it collects at once, the kind that was asked for', async () => {
  expect(await forcedCollections(() => collectGarbage('minor'))).toMatchObject([{ kind: 'minor' }])
  expect(await forcedCollections(() => collectGarbage())).toMatchObject([{ kind: 'major' }])
})

test('what nobody holds is gone after a major collection', async () => {
  const held = new WeakRef({})
  await new Promise(setImmediate)
  collectGarbage('major')
  expect(held.deref()).toBeUndefined()
})

test('it works with and without --expose-gc, and exposes nothing', async () => {
  const url = JSON.stringify(new URL('../src/collect-garbage.ts', import.meta.url))
  const program = `
    const { collectGarbage } = await import(${url})
    collectGarbage('minor')
    const { runInNewContext } = await import('node:vm')
    console.log(JSON.stringify([typeof gc, runInNewContext('typeof gc')]))`
  const plain = ['--input-type=module', '-e', program]
  expect(await runNode(plain)).toEqual(['undefined', 'undefined'])
  expect(await runNode(['--expose-gc', ...plain])).toEqual(['function', 'function'])
})

test('another kind is refused', () => {
  expect(() => collectGarbage('all' as never)).toThrow("kind must be 'minor' or 'major', got all")
})
