import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const compiling =
  '--ignoreConfig --noCheck --target es2024 --module nodenext --rewriteRelativeImportExtensions'.split(' ')

// Neither Node.js nor vitest parses decorators, so the compiler makes a program of the fixture.
test('managed is a class decorator of the standard kind', async () => {
  const tsc = fileURLToPath(new URL('../../../../node_modules/typescript/bin/tsc', import.meta.url))
  const rootDir = fileURLToPath(new URL('../..', import.meta.url))
  const outDir = await mkdtemp(join(tmpdir(), 'code-gc-decorator-'))
  try {
    const fixture = join(rootDir, 'test/fixtures/lifecycle-decorator.ts')
    await run(process.execPath, [tsc, ...compiling, '--rootDir', rootDir, '--outDir', outDir, fixture])
    const program = join(outDir, 'test/fixtures/lifecycle-decorator.js')
    const { stdout } = await run(process.execPath, [program])
    expect(JSON.parse(stdout)).toEqual({
      name: 'Client',
      opened: 2,
      isInstance: true,
      managed: 2,
      ended: ['a', 'b'],
    })
  } finally {
    await rm(outDir, { recursive: true, force: true })
  }
})
