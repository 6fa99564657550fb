import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../run.ts'
import type { Tally } from '../tally.ts'
import { pnpmVersion, publicPackages, tool } from '../workspace.ts'
import type { Manifest, PublicPackage } from '../workspace.ts'
import type { Scratch } from './scratch.ts'

/** A published package of the copy and the file that a registry would serve. */
export interface Tarball {
  readonly package: PublicPackage
  readonly path: string
}

/** Builds every published package of the copy and packs it the way a release does. */
export async function packAll(tally: Tally, scratch: Scratch): Promise<readonly Tarball[]> {
  const packages = publicPackages(scratch.workspace)
  const tarballs: Tarball[] = []
  for (const one of packages) {
    await tally.check(`${one.manifest.name} builds and packs`, async () => {
      await run(tool('tsc'), ['-p', 'tsconfig.build.json'], { cwd: one.path })
      const path = await pack(one, scratch)
      await checkRanges(path, packages)
      tarballs.push({ package: one, path })
    })
  }
  return tarballs
}

/** Asks publint and attw about a tarball as users would get it. */
export async function lintTarball(tally: Tally, { package: { manifest }, path }: Tarball): Promise<void> {
  await tally.check(`${manifest.name} passes publint`, async () => {
    await run(tool('publint'), ['run', path, '--strict'])
  })
  await tally.check(`${manifest.name} passes attw`, async () => {
    await run(tool('attw'), [path, '--profile', 'esm-only', '--no-definitely-typed', '--no-color'])
  })
}

async function pack(one: PublicPackage, scratch: Scratch): Promise<string> {
  const folder = scratch.folder(join('tarballs', one.folder))
  const [program, ...before] = pnpm()
  await run(program, [...before, 'pack', '--pack-destination', folder], { cwd: one.path })
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('pnpm pack wrote no .tgz')
  return join(folder, tarball)
}

// `workspace:^` means something only inside this repository.
async function checkRanges(tarball: string, packages: readonly PublicPackage[]): Promise<void> {
  const json = await run('tar', ['-xzOf', tarball, 'package/package.json'])
  if (json.includes('workspace:')) throw new Error('a workspace: range was packed as it stands')
  const { dependencies = {} } = JSON.parse(json) as Manifest
  for (const { manifest } of packages) {
    const range = dependencies[manifest.name]
    if (range !== undefined && range !== `^${manifest.version}`) {
      throw new Error(`${manifest.name} must be packed as ^${manifest.version}, got ${range}`)
    }
  }
}

// Under `pnpm run` this is the pnpm that runs; a script started by hand asks npx for the same one.
function pnpm(): readonly [string, ...string[]] {
  const running = process.env['npm_execpath']
  return running?.includes('pnpm') ? [running] : ['npx', '--yes', `pnpm@${pnpmVersion}`]
}
