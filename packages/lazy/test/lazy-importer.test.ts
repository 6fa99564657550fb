import { createRequire } from 'node:module'
import type * as zlib from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { expect, expectTypeOf, test } from 'vitest'
import { LazyImporter } from '../src/index.ts'
import { emptyPlace } from './empty-place.ts'

const folder = new URL('fixtures/', import.meta.url)
const nodeRequire = createRequire(folder)

test('a module is loaded when it is first used', () => {
  const importer = new LazyImporter(import.meta)
  const pg = importer.importModule<{ Client: unknown }>('pg')
  expect(importer.isLoaded('pg')).toBe(false)
  expect(pg.Client).toBe((nodeRequire('pg') as typeof pg).Client)
  expect(importer.isLoaded('pg')).toBe(true)
})

test.each([
  ['import.meta', import.meta],
  ['a file URL', new URL(import.meta.url)],
  ['the text of one', import.meta.url],
  ['an absolute path', fileURLToPath(import.meta.url)],
])('specifiers are looked up from %s', (_, from) => {
  const importer = new LazyImporter(from)
  const object = importer.importModule<{ name: string }>('./fixtures/object.json')
  expect(object.name).toBe('json')
})

test.each([
  ['node:path', 'join'],
  ['path', 'join'],
  ['pg/lib/defaults', 'port'],
  ['./plain.cjs', 'increase'],
  ['./es-module.mjs', 'increase'],
  [new URL('plain.cjs', folder).href, 'increase'],
  [fileURLToPath(new URL('plain.cjs', folder)), 'increase'],
])('%s is a specifier', (specifier, key) => {
  expect(new LazyImporter(folder).importModule(specifier)).toHaveProperty(key)
})

test('of a package that holds two, the one for require comes, by proxy and by load', async () => {
  const importer = new LazyImporter(new URL('two-faced/', folder))
  const both = importer.importModule<{ by: string }>('two-faced/feature')
  expect(both.by).toBe('require')
  expect(await importer.load('two-faced/feature')).toBe(importer.resolved(both))
})

test('what comes is what require gives: a default export stays under default', () => {
  using place = emptyPlace()
  place.write('es.mjs', "export default () => 'es'")
  place.write('transpiled.cjs', "exports.__esModule = true; exports.default = () => 'transpiled'")
  place.write('whole.mjs', "const whole = { name: 'whole' }; export { whole as 'module.exports' }")
  const es = place.importer.importModule<{ default(): string }>('./es.mjs')
  const transpiled = place.importer.importModule<{ default(): string }>('./transpiled.cjs')
  const whole = place.importer.importModule<{ name: string }>('./whole.mjs')
  expect([es.default(), transpiled.default(), whole.name]).toEqual(['es', 'transpiled', 'whole'])
})

test('importers and require share one module', () => {
  const one = new LazyImporter(folder)
  const other = new LazyImporter(folder)
  const plain = one.importModule('./plain.cjs')
  expect(one.resolved(plain)).toBe(other.resolved(other.importModule('./plain.cjs')))
  expect(one.resolved(plain)).toBe(nodeRequire('./plain.cjs'))
  expect(one.resolved(plain)).not.toBe(plain)
})

test('load gives the module itself, and the proxy uses it', async () => {
  const importer = new LazyImporter(folder)
  const proxy = importer.importModule<{ Point: unknown }>('./es-module.mjs')
  const module = await importer.load<typeof proxy>('./es-module.mjs')
  expect(importer.isLoaded('./es-module.mjs')).toBe(true)
  expect(module).toBe(nodeRequire('./es-module.mjs'))
  expect(proxy.Point).toBe(module.Point)
})

test('the report says what was loaded, in order, and what it cost', () => {
  const importer = new LazyImporter(folder)
  expect(importer.report()).toEqual([])
  void Object.keys(importer.importModule('./plain.cjs'))
  void Object.keys(importer.importModule('./es-module.mjs'))
  void Object.keys(importer.importModule('./plain.cjs'))
  const number = expect.any(Number)
  expect(importer.report()).toEqual([
    { specifier: './plain.cjs', ms: number, rssDeltaBytes: number, loadedAt: number },
    { specifier: './es-module.mjs', ms: number, rssDeltaBytes: number, loadedAt: number },
  ])
  const [first, second] = importer.report()
  expect([first!.ms > 0, second!.ms < second!.loadedAt - first!.loadedAt]).toEqual([true, true])
  expect(first!.loadedAt).toBeLessThanOrEqual(second!.loadedAt)
  expect(second!.loadedAt).toBeLessThanOrEqual(performance.now())
  expect(Object.isFrozen(importer.report())).toBe(true)
})

test('the report says what the memory grew by', () => {
  using place = emptyPlace()
  place.write('big.cjs', "exports.bytes = Buffer.alloc(64 * 2 ** 20, 'x')")
  place.touch('./big.cjs')
  expect(place.importer.report()[0]!.rssDeltaBytes).toBeGreaterThan(48 * 2 ** 20)
})

test.each<[string, () => unknown, string]>([
  [
    'from as a relative path',
    () => new LazyImporter('./here.js'),
    "from must be import.meta, a file URL or an absolute path, got './here.js'",
  ],
  [
    'from as another URL',
    () => new LazyImporter(new URL('http://localhost/')),
    'from must be import.meta, a file URL or an absolute path, got URL',
  ],
  [
    'the empty import.meta of a CommonJS bundle',
    () => new LazyImporter({} as ImportMeta),
    'from must be import.meta, a file URL or an absolute path, got {}',
  ],
  [
    'compileCache',
    () => new LazyImporter(folder, { compileCache: 1 as never }),
    'compileCache must be a boolean or a folder, got 1',
  ],
  [
    'folder of the compile cache',
    () => new LazyImporter(folder, { compileCache: '' }),
    "compileCache must be a boolean or a folder, got ''",
  ],
  ...[
    () => new LazyImporter(folder, null as never),
    () => new LazyImporter(folder).importModule('pg', null as never),
    () => new LazyImporter(folder).load('pg', null as never),
    () => new LazyImporter(folder).warmWhenIdle('pg', null as never),
  ].map((call): [string, () => unknown, string] => ['null', call, 'options must be an object, got null']),
  [
    'signal',
    () => new LazyImporter(folder).load('pg', { signal: 7 as never }),
    'signal must be an AbortSignal, got 7',
  ],
  [
    'kind',
    () => new LazyImporter(folder).importModule('pg', { kind: 'class' as never }),
    "kind must be 'object' or 'function', got 'class'",
  ],
  [
    'specifier',
    () => new LazyImporter(folder).importModule(''),
    "specifier must be a string that names a module, got ''",
  ],
  [
    'specifiers to warm',
    () => new LazyImporter(folder).warmWhenIdle(7 as never),
    'specifier must be a string that names a module, got 7',
  ],
  [
    'what is resolved',
    () => new LazyImporter(folder).resolved({}),
    'module must come from importModule of this importer, got {}',
  ],
])('a wrong %s is refused at once', (_, call, message) => {
  expect(call).toThrow(TypeError)
  expect(call).toThrow(message)
})

test('what comes has the type of the module', () => {
  const importer = new LazyImporter(import.meta)
  const proxy = importer.importModule<typeof zlib>('node:zlib')
  expectTypeOf(proxy).toEqualTypeOf<typeof zlib>()
  expectTypeOf(importer.resolved(proxy).gzipSync).toEqualTypeOf<typeof zlib.gzipSync>()
  expectTypeOf(importer.load<typeof zlib>('node:zlib')).resolves.toEqualTypeOf<typeof zlib>()
})

test('the kind of what can be called is checked by the compiler too', () => {
  const importer = new LazyImporter(folder)
  importer.importModule<() => void>('./function.cjs', { kind: 'function' })
  // @ts-expect-error: without it
  importer.importModule<() => void>('./function.cjs')
  // @ts-expect-error: a function
  importer.importModule<() => void>('./function.cjs', { kind: 'object' })
  // @ts-expect-error: a class
  importer.importModule<typeof Map>('./class.cjs', { kind: 'object' })
  // @ts-expect-error: no object
  importer.importModule<string>('./object.json')
  expect(importer.report()).toEqual([])
})
