import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { LazyError, LazyImporter } from '../src/index.ts'
import { emptyPlace } from './empty-place.ts'
import { runNode } from './run-node.ts'

const folder = fileURLToPath(new URL('fixtures/', import.meta.url))

test('a failed load says which import, from where, and why, and keeps the cause', () => {
  const importer = new LazyImporter(folder)
  const error = failureOf(() => importer.importModule<{ x: unknown }>('./broken.cjs').x)
  expect(error).toBeInstanceOf(LazyError)
  expect(error).toMatchObject({
    code: 'LAZY_LOAD_FAILED',
    message: `'./broken.cjs' from ${folder} could not be loaded: broken on purpose`,
    cause: { message: 'broken on purpose' },
  })
  expect([importer.isLoaded('./broken.cjs'), importer.report()]).toEqual([false, []])
})

test('a module that is not there is told from one that needs what is not there', () => {
  using place = emptyPlace()
  place.write('needs.cjs', "require('./missing.cjs')")
  expect(failureOf(() => place.touch('./missing.cjs'))).toMatchObject({
    code: 'LAZY_NOT_FOUND',
    message: `'./missing.cjs' from ${place.from} was not found: Cannot find module './missing.cjs'`,
  })
  expect(failureOf(() => place.touch('./needs.cjs'))).toMatchObject({
    code: 'LAZY_LOAD_FAILED',
    message: `'./needs.cjs' from ${place.from} could not be loaded: Cannot find module './missing.cjs'`,
  })
})

test.each([
  ['a missing file', 'late.cjs', undefined, 'exports.ok = 1'],
  ['a missing ES module', 'late.mjs', undefined, 'export const ok = 1'],
  ['a missing package', 'node_modules/late/index.js', undefined, 'exports.ok = 1'],
  ['a file that throws', 'late.cjs', "throw new Error('not yet')", 'exports.ok = 1'],
  ['a file with a mistake', 'late.cjs', 'exports.ok = ', 'exports.ok = 1'],
  ['an ES module with a mistake', 'late.mjs', 'export const ok = ', 'export const ok = 1'],
  ['bad JSON', 'late.json', '{', '{ "ok": 1 }'],
])('%s is looked for again at the next touch', async (_, file, before, after) => {
  using place = emptyPlace()
  const specifier = file.startsWith('node_modules') ? 'late' : `./${file}`
  const late = place.importer.importModule<{ ok: number }>(specifier)
  if (before !== undefined) place.write(file, before)
  expect(() => late.ok).toThrow(LazyError)
  await expect(place.importer.load(specifier)).rejects.toThrow(LazyError)
  place.write(file, after)
  expect(late.ok).toBe(1)
})

test('what only import may load is named, with what to write', () => {
  using place = emptyPlace()
  place.write('node_modules/modern/package.json', '{ "exports": { "import": "./index.mjs" } }')
  place.write('node_modules/modern/index.mjs', '')
  expect(failureOf(() => place.touch('modern'))).toMatchObject({
    code: 'LAZY_NOT_FOUND',
    message: expect.stringContaining('use lazyModule(() => import(…))'),
  })
})

test('top-level await is named, load() waits for it, and the proxy works from then on', async () => {
  const importer = new LazyImporter(folder)
  const module = importer.importModule<{ value: number }>('./top-level-await.mjs')
  expect(failureOf(() => module.value)).toMatchObject({
    code: 'LAZY_TOP_LEVEL_AWAIT',
    message: `'./top-level-await.mjs' from ${folder} has top-level await, or needs a module that has: use load() before it is touched`,
    cause: { code: 'ERR_REQUIRE_ASYNC_MODULE' },
  })
  const [one, other] = await Promise.all([
    importer.load('./top-level-await.mjs'),
    importer.load('./top-level-await.mjs'),
  ])
  expect(one).toBe(other)
  expect(module.value).toBe(5)
  expect(importer.resolved(module)).toBe(one)
  expect(importer.report()).toHaveLength(1)
  const another = new LazyImporter(folder).importModule('./top-level-await.mjs')
  expect(another, 'of another importer').toHaveProperty('value', 5)
})

test('a touch while load() has not ended is told to await it', async () => {
  using place = emptyPlace()
  place.write('slow.mjs', 'export const ok = await new Promise((go) => setImmediate(go, 1))')
  const loaded = place.importer.load('./slow.mjs')
  const touch = (): unknown => place.touch('./slow.mjs')
  expect(failureOf(touch)).toMatchObject(loading('./slow.mjs', place.from))
  await loaded
  expect(touch()).toEqual(['ok'])
})

test('what an import elsewhere has begun, or could not link, is left to load(), which says why', async () => {
  const failed = {
    code: 'LAZY_LOAD_FAILED',
    message: expect.stringContaining("does not provide an export named 'missing'"),
  }
  // Node.js 22 can require what is being imported, but forgets why something did not link.
  const node22 = process.versions.node.startsWith('22.')
  const forgotten = { code: 'LAZY_LOAD_FAILED', message: expect.stringContaining('not yet fully loaded') }
  expect(JSON.parse(await runNode(['fixtures/loading/start.mjs']))).toEqual([
    node22 ? ['ok'] : loading('./whole.mjs', '/start.mjs'),
    { ok: 1 },
    failed,
    node22 ? forgotten : loading('./does-not-link.mjs', '/start.mjs'),
    node22 ? forgotten : failed,
  ])
})

test('a module that waits for itself, or for what waits for it, is named, with the way there', async () => {
  const program = `
    import { LazyImporter } from '@code/lazy'
    const importer = new LazyImporter(process.cwd() + '/fixtures/cycle/main.mjs')
    console.log(JSON.stringify(await importer.load('./waits-for-itself.mjs')))`
  const { outcomes } = JSON.parse(await runNode(['--input-type=module', '--eval', program])) as {
    outcomes: unknown
  }
  const self = './waits-for-itself.mjs'
  expect(outcomes).toEqual([
    cycle(`was touched while it was being loaded: ${self} → ${self}`),
    cycle(`was touched while it was being loaded: ${self} → ${self}`),
    cycle(`was touched while it was being loaded: ${self} → ./waits-for-first.mjs → ${self}`),
  ])
})

test('a caller can end its wait; the load goes on', async () => {
  using place = emptyPlace()
  place.write('slow.mjs', 'export const ok = await new Promise((go) => setImmediate(go, 1))')
  const abort = new AbortController()
  const ended = place.importer.load('./slow.mjs', { signal: abort.signal })
  abort.abort('enough')
  await expect(ended).rejects.toBe('enough')
  await expect(place.importer.load('./slow.mjs', { signal: abort.signal })).rejects.toBe('enough')
  await expect(place.importer.load('./slow.mjs')).resolves.toHaveProperty('ok', 1)
})

test('CommonJS that needs top-level await cannot be loaded at all, nor is that tried twice', async () => {
  using place = emptyPlace()
  place.write('waits.mjs', 'await 1')
  place.write('needs.cjs', "globalThis.runs = (globalThis.runs ?? 0) + 1; require('./waits.mjs')")
  await expect(place.importer.load('./needs.cjs')).rejects.toMatchObject({
    code: 'LAZY_LOAD_FAILED',
    message: expect.stringMatching(
      /could not be loaded, nor by import: CommonJS requires .*waits\.mjs, which has/,
    ),
    cause: { code: 'ERR_REQUIRE_ASYNC_MODULE' },
  })
  expect(Reflect.get(globalThis, 'runs')).toBe(1)
})

test('a module touched by what it loads is named, with the way there', async () => {
  const outcomes = JSON.parse(await runNode(['fixtures/cycle/start.mjs'])) as unknown
  expect(outcomes).toEqual([
    cycle('was touched while it was being loaded: ./first.cjs → ./third.cjs → ./first.cjs'),
    cycle('was touched while it was being loaded: ./es-first.mjs → ./es-first.mjs'),
    cycle("'./eager-first.mjs' from /start.mjs could not be loaded: Cannot require() ES Module"),
    cycle('was touched while it was being loaded: ./requires-first.cjs → ./required.cjs'),
  ])
})

function loading(specifier: string, from: string): object {
  const problem = 'is being loaded by an import, or that failed: `await` load(), which waits or says why'
  return { code: 'LAZY_LOADING', message: `'${specifier}' from ${from} ${problem}` }
}

function cycle(message: string): object {
  return { code: 'LAZY_CYCLE', message: expect.stringContaining(message) }
}

function failureOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
