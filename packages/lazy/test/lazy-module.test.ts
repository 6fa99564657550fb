import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, type Format } from 'esbuild'
import { expect, expectTypeOf, test } from 'vitest'
import { lazyModule } from '../src/index.ts'

test('a module is loaded once, however many ask', async () => {
  let imports = 0
  const path = lazyModule(() => {
    imports++
    return import('node:path')
  })
  expect(path.loaded).toBeUndefined()
  const [one, other] = await Promise.all([path.load(), path.load()])
  expect(one).toBe(other)
  expect(path.loaded).toBe(one)
  expect(imports).toBe(1)
  expectTypeOf(path.loaded).toEqualTypeOf<Awaited<ReturnType<typeof path.load>> | undefined>()
  expectTypeOf(one.sep).toEqualTypeOf<'/' | '\\'>()
})

test('a failed import is not kept', async () => {
  let broken = true
  const path = lazyModule(() => {
    if (broken) throw new Error('no such module')
    return import('node:path')
  })
  await expect(path.load()).rejects.toThrow('no such module')
  expect(path.loaded).toBeUndefined()
  broken = false
  await expect(path.load()).resolves.toHaveProperty('join')
})

test('a caller can end its wait; the others get the module', async () => {
  const path = lazyModule(() => import('node:path'))
  const abort = new AbortController()
  const ended = path.load({ signal: abort.signal })
  const other = path.load()
  abort.abort('enough')
  await expect(ended).rejects.toBe('enough')
  await expect(other).resolves.toHaveProperty('join')
})

test('what is no function is refused at once', () => {
  expect(() => lazyModule('node:path' as never)).toThrow(
    new TypeError('load must be a function, got node:path'),
  )
})

// esbuild splits ES modules only; a CommonJS bundle holds the module as a function that has not run.
test.each<[Format, number]>([
  ['esm', 1],
  ['cjs', 0],
])('a bundle made by esbuild, %s, runs the module at its load', async (format, ownChunks) => {
  const outdir = await mkdtemp(join(tmpdir(), 'code-lazy-bundle-'))
  try {
    const extension = format === 'esm' ? '.mjs' : '.cjs'
    await build({
      entryPoints: [fileURLToPath(new URL('fixtures/bundled.mjs', import.meta.url))],
      bundle: true,
      conditions: ['@code/source'],
      format,
      outdir,
      outExtension: { '.js': extension },
      platform: 'node',
      splitting: format === 'esm',
      target: 'node22.19',
    })
    const heavy = (await readdir(outdir)).filter((name) => name.startsWith('heavy'))
    expect(heavy).toHaveLength(ownChunks)
    const bundle = join(outdir, `bundled${extension}`)
    const { stdout } = await promisify(execFile)(process.execPath, [bundle])
    expect(JSON.parse(stdout)).toEqual({ ranBefore: false, answer: 42, loaded: 42 })
  } finally {
    await rm(outdir, { recursive: true })
  }
})
