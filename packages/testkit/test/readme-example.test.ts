import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { runReadmeExample } from '../src/index.ts'

async function packageWith(readme: string): Promise<URL & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'code-readme-'))
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'README.md'), readme)
  await writeFile(join(folder, 'src/index.ts'), 'export const answer: number = 42\n')
  const exports = { '.': { '@code/source': './src/index.ts', default: './dist/index.js' } }
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: '@code/toy', type: 'module', exports }),
  )
  return Object.assign(pathToFileURL(folder), {
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  })
}

test('the first ts block runs as a module under the package’s own name, on its sources', async () => {
  await using folder = await packageWith(
    "# Toy\n```sh\nnpm i\n```\n```ts\nimport { answer } from '@code/toy'\nconst n: number = await answer\nconsole.log(n)\nconsole.error('noted')\n```\n```ts\nthrow 1\n```\n",
  )
  expect(await runReadmeExample(folder)).toEqual({ stdout: '42\n', stderr: 'noted\n' })
})

test('an example that fails rejects with its output', async () => {
  await using folder = await packageWith("```ts\nconsole.log('so far')\nthrow new Error('boom')\n```\n")
  await expect(runReadmeExample(folder)).rejects.toMatchObject({
    code: 'EXAMPLE_FAILED',
    message: expect.stringMatching(/exit code 1\nso far\n[^]*boom/),
  })
})

test('a README without an example rejects', async () => {
  await using folder = await packageWith('# Toy\n')
  await expect(runReadmeExample(folder)).rejects.toMatchObject({ code: 'EXAMPLE_FAILED' })
})
