import { expect, test } from 'vitest'
import { LazyImporter } from '../src/index.ts'
import { runNode } from './run-node.ts'

const folder = new URL('fixtures/', import.meta.url)

test('exports of any name are read, and cannot be written', () => {
  const names = proxyOf('./names.mjs')
  for (const listed of [false, true]) {
    if (listed) expect(Object.keys(names)).toHaveLength(3)
    expect([names['a "quoted" name'], names['__proto__'], names['line\nbreak']]).toEqual([1, 1, 1])
    expect(() => (names['__proto__'] = 2)).toThrow(TypeError)
    expect(names[Symbol.toStringTag]).toBe('Module')
    expect(names['nothing']).toBeUndefined()
  }
  const writable = proxyOf('./es-module.mjs')
  expect(() => (writable['count'] = 9)).toThrow(TypeError)
})

test('ES modules are read also where code may not come from strings', async () => {
  const program = `
    import { LazyImporter } from '@code/lazy'
    console.log(new LazyImporter(import.meta.url).importModule('./fixtures/es-module.mjs').name)`
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module']
  expect(await runNode([...flags, '--eval', program])).toBe('es-module\n')
})

function proxyOf(specifier: string): Record<PropertyKey, unknown> {
  return new LazyImporter(folder).importModule<Record<PropertyKey, unknown>>(specifier)
}
