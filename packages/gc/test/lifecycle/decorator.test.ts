import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

// Neither Node.js nor vitest parses decorators, so the compiler makes a program of the fixture.
test('managed is a class decorator of the standard kind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'code-gc-decorator-'))
  try {
    const fixture = fileURLToPath(new URL('../fixtures/lifecycle-decorator.ts', import.meta.url))
    const tsc = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url))
    const options = [
      '--target',
      'es2022',
      '--lib',
      'es2024,esnext.disposable',
      '--module',
      'nodenext',
      '--strict',
    ]
    await run(tsc, ['--ignoreConfig', '--outDir', folder, ...options, '--types', '', fixture])
    const index = new URL('../../src/index.ts', import.meta.url).href
    const flags = ['--disable-warning=ExperimentalWarning', '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON']
    const { stdout } = await run(process.execPath, [...flags, join(folder, 'lifecycle-decorator.js'), index])
    expect(JSON.parse(stdout)).toEqual({
      name: 'Client',
      opened: 2,
      isInstance: true,
      managed: 2,
      ended: ['b'],
      afterwards: 0,
      own: 'a',
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
