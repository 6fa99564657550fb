import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LazyImporter } from '../src/index.ts'
import { runNode } from './run-node.ts'

test('the package can be required', async () => {
  const program = `
    const { LazyImporter } = require('@code/lazy')
    const { join } = new LazyImporter(process.cwd() + '/here.cjs').importModule('node:path')
    console.log(join('a', 'b'))`
  expect(await runNode(['--input-type=commonjs', '--eval', program])).toBe('a/b\n')
})

test('the compile cache is filled in the folder that was asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'code-lazy-cache-'))
  try {
    const program = `
      import { LazyImporter } from '@code/lazy'
      const importer = new LazyImporter(import.meta.url, { compileCache: ${JSON.stringify(folder)} })
      importer.importModule('pg').Client
      console.log(importer.compileCacheFolder.startsWith(${JSON.stringify(folder)}))`
    expect(await runNode(['--input-type=module', '--eval', program])).toBe('true\n')
    expect(readdirSync(folder, { recursive: true }).length).toBeGreaterThan(10)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('true keeps compiled code where Node.js does', async () => {
  const program = `
    import { LazyImporter } from '@code/lazy'
    const importer = new LazyImporter(import.meta.url, { compileCache: true })
    console.log(importer.compileCacheFolder)`
  const folder = await runNode(['--input-type=module', '--eval', program])
  expect(folder).toContain(join(tmpdir(), 'node-compile-cache'))
})

test('without the option nothing is cached on disk', () => {
  expect(new LazyImporter(import.meta).compileCacheFolder).toBeUndefined()
})
