// What the tarball of each published package holds, after a build. The types and the module shape are
// judged by the release rehearsal, on the real tarballs.
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'
import { Tally } from './tally.ts'
import { publicPackages } from './workspace.ts'
import type { PublicPackage } from './workspace.ts'

/** Most bytes a packed tarball may have, in kB: about a third above today, so growth is a decision. */
const packedLimitKb: Readonly<Record<string, number>> = {
  '@code/cache-tiers': 60,
  '@code/connections': 300,
  '@code/gc': 105,
  '@code/lazy': 35,
  '@code/loadtest': 60,
  '@code/monitoring': 70,
  '@code/pool': 70,
  '@code/stream': 60,
}

/** What a tarball may hold. */
const allowed = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.*\.(js|d\.ts)(\.map)?|src\/.*\.ts)$/

interface Packed {
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

const tally = new Tally()
for (const one of publicPackages()) await checkPackage(one)
tally.end()

async function checkPackage(one: PublicPackage): Promise<void> {
  const { name } = one.manifest
  let packed: Packed | undefined
  await tally.check(`${name} ships what its exports name, and nothing else`, async () => {
    packed = await pack(one)
    const files = packed.files.map(({ path }) => path)
    expectNone('not in the tarball', missingTargets(one, files))
    expectNone(
      'must not be in the tarball',
      files.filter((file) => !allowed.test(file)),
    )
    expectNone('in dist/ without a source: remove dist/ and build again', staleOutput(one))
    const dependencies = Object.keys(one.manifest.dependencies ?? {})
    return `${files.length} files, dependencies: ${dependencies.join(', ') || 'none'}`
  })
  await tally.check(`${name} stays small`, () => {
    const limit = packedLimitKb[name]
    if (limit === undefined) throw new Error('has no limit yet: add one to packedLimitKb')
    const kb = (packed?.size ?? Infinity) / 1000
    if (kb > limit) throw new Error(`${kb.toFixed(1)} kB packed, the limit is ${limit} kB`)
    return `${kb.toFixed(1)} of ${limit} kB packed`
  })
}

async function pack({ path }: PublicPackage): Promise<Packed> {
  const json = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: path })
  const [packed] = Object.values(JSON.parse(json) as Packed[] | Record<string, Packed>)
  if (packed === undefined) throw new Error('npm pack reported nothing')
  return packed
}

function missingTargets({ manifest }: PublicPackage, files: readonly string[]): readonly string[] {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  const needed = ['README.md', 'LICENSE', ...targets.map((target) => target.replace('./', ''))]
  return needed.filter((file) => !files.includes(file))
}

function staleOutput({ path }: PublicPackage): readonly string[] {
  return globSync('dist/**/*.js', { cwd: path }).filter(
    (file) => !existsSync(join(path, file.replace('dist', 'src').replace(/\.js$/, '.ts'))),
  )
}

function expectNone(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Error(`${what}: ${found.join(', ')}`)
}
