import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LazyImporter } from '../src/index.ts'
import { runNode } from './run-node.ts'

const folder = new URL('fixtures/', import.meta.url)

test('modules are loaded while the event loop is idle', async () => {
  const importer = new LazyImporter(folder)
  await importer.warmWhenIdle('./plain.cjs', './top-level-await.mjs')
  expect(importer.report().map(({ specifier }) => specifier)).toEqual([
    './plain.cjs',
    './top-level-await.mjs',
  ])
})

test('a busy event loop is left alone, and served once it is idle', async () => {
  const importer = new LazyImporter(folder)
  const warmed = importer.warmWhenIdle('./plain.cjs')
  const until = performance.now() + 400
  while (performance.now() < until) await turn()
  expect(importer.isLoaded('./plain.cjs')).toBe(false)
  await warmed
  expect(importer.isLoaded('./plain.cjs')).toBe(true)
})

test('what was used before costs no wait', async () => {
  const importer = new LazyImporter(folder)
  void Object.keys(importer.importModule('./plain.cjs'))
  const warmed = importer.warmWhenIdle('./plain.cjs').then(() => 'at once')
  expect(await Promise.race([warmed, turn('later')])).toBe('at once')
})

test('a failure stops none of the others and is told at the end', async () => {
  const importer = new LazyImporter(folder)
  const warmed = importer.warmWhenIdle('./missing.cjs', './plain.cjs')
  await expect(warmed).rejects.toMatchObject({ code: 'LAZY_NOT_FOUND' })
  expect(importer.isLoaded('./plain.cjs')).toBe(true)
})

test('of several failures the first is told', async () => {
  const warmed = new LazyImporter(folder).warmWhenIdle('./missing.cjs', './broken.cjs')
  await expect(warmed).rejects.toMatchObject({ code: 'LAZY_NOT_FOUND' })
})

test('each load has an idle window of 50 ms to itself', async () => {
  const begun = performance.now()
  const importer = new LazyImporter(folder)
  await Promise.all([importer.warmWhenIdle('./plain.cjs'), importer.warmWhenIdle('./class.cjs')])
  const [first, second] = importer.report()
  expect(first!.loadedAt - begun).toBeGreaterThan(45)
  expect(second!.loadedAt - first!.loadedAt).toBeGreaterThan(45)
})

test('warming ends with its signal: what is left is not loaded', async () => {
  const importer = new LazyImporter(folder)
  const abort = new AbortController()
  const warmed = importer.warmWhenIdle('./plain.cjs', { signal: abort.signal })
  abort.abort('enough')
  await expect(warmed).rejects.toBe('enough')
  await importer.warmWhenIdle('./class.cjs')
  expect(importer.report().map(({ specifier }) => specifier)).toEqual(['./class.cjs'])
})

test('warming keeps no process alive', async () => {
  const program = `
    import { LazyImporter } from '@code/lazy'
    const importer = new LazyImporter(import.meta.url)
    void importer.warmWhenIdle('node:http2')
    process.on('exit', () => console.log(importer.isLoaded('node:http2')))`
  expect(await runNode(['--input-type=module', '--eval', program])).toBe('false\n')
})
