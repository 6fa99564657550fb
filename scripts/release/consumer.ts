import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../run.ts'
import type { Tally } from '../tally.ts'
import { dependsOn, entryPoints, readManifest } from '../workspace.ts'
import type { PublicPackage } from '../workspace.ts'
import { emptyProject, installed, npmInstall } from './project.ts'
import type { Runtime } from './runtimes.ts'
import type { Scratch } from './scratch.ts'
import type { Tarball } from './tarballs.ts'
import { readmeExample, typecheck } from './typecheck.ts'

/** Installs one package into an empty project, as a user does, and uses it there. */
export async function rehearseConsumer(
  tally: Tally,
  scratch: Scratch,
  tarball: Tarball,
  all: readonly Tarball[],
  nodes: readonly Runtime[],
): Promise<void> {
  const { package: one } = tarball
  const { name } = one.manifest
  const project = emptyProject(scratch, one.folder)
  const needed = all.filter((other) => dependsOn(one, other.package))
  const peers = Object.keys(one.manifest.peerDependencies ?? {})
  const entries = entryPoints(one.manifest)

  await tally.check(`${name} installs alone`, async () => {
    await npmInstall(
      project,
      [tarball, ...needed].map(({ path }) => path),
    )
    const expected = [name, ...needed.map((other) => other.package.manifest.name)]
    return expectInstalled(project, expected)
  })
  if (peers.length > 0) {
    for (const node of nodes) await checkImport(tally, project, [name], node)
    await tally.check(`${name} installs with its peers`, async () => {
      await npmInstall(
        project,
        peers.flatMap((peer) => chosenPeer(one, peer)),
      )
      return peers.join(', ')
    })
  }
  for (const node of nodes) await checkImport(tally, project, entries, node)
  for (const resolution of ['bundler', 'nodenext'] as const) {
    await tally.check(`${name} type-checks under ${resolution}`, async () => {
      await typecheck(project, resolution, entries, readmeExample(one.path))
    })
  }
  for (const node of nodes) {
    await tally.check(`${name} runs its README example on ${node.name}`, async () => {
      await run(node.node, ['out/example.js'], { cwd: project, timeoutMs: 30_000 })
    })
  }
}

function expectInstalled(project: string, expected: readonly string[]): string {
  const found = installed(project)
  if (found.toSorted().join() !== expected.toSorted().join()) {
    throw new Error(`expected ${expected.join(', ')} and nothing else, got ${found.join(', ')}`)
  }
  return `${found.length} ${found.length === 1 ? 'package' : 'packages'}`
}

// The version this repository tests with, and its types where they are a package of their own.
function chosenPeer(one: PublicPackage, peer: string): readonly string[] {
  return [peer, `@types/${peer}`]
    .map((name) => ({ name, folder: join(one.path, 'node_modules', name) }))
    .filter(({ folder }) => existsSync(folder))
    .map(({ name, folder }) => `${name}@${readManifest(folder).version}`)
}

async function checkImport(tally: Tally, project: string, entries: readonly string[], runtime: Runtime) {
  await tally.check(`import and require of ${entries.join(', ')} on ${runtime.name}`, async () => {
    const imported = await exportedNames('module', 'await import(entry)')
    const required = await exportedNames('commonjs', 'require(entry)')
    if (imported !== required) throw new Error(`import gives\n${imported}\nrequire gives\n${required}`)
    if (imported.split('\n').includes('')) throw new Error(`an entry exports nothing:\n${imported}`)
  })
  async function exportedNames(kind: 'module' | 'commonjs', load: string): Promise<string> {
    const print = `console.log(Object.keys(${load}).filter((name) => name !== 'module.exports').sort().join(' '))`
    const code = `for (const entry of ${JSON.stringify(entries)}) ${print}`
    const args = [`--input-type=${kind}`, '--eval', code]
    return (await run(runtime.node, args, { cwd: project, timeoutMs: 30_000 })).replace(/\n$/, '')
  }
}
