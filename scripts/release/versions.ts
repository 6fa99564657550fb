import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../run.ts'
import type { Tally } from '../tally.ts'
import { changesetFiles, dependsOn, publicPackages, tool } from '../workspace.ts'
import type { PublicPackage } from '../workspace.ts'
import type { Scratch } from './scratch.ts'

/** Releases the pending changesets in the copy, then proves that each package is bumped on its own. */
export async function rehearseVersions(tally: Tally, scratch: Scratch): Promise<void> {
  const before = versions(scratch.workspace)
  await tally.check('changeset version bumps by the pending changesets', async () => {
    // It fails when there is none, as right after a release.
    if (changesetFiles(scratch.workspace).length === 0) return 'none is pending'
    await changesetVersion(scratch)
    return '\n' + versionTable(before, versions(scratch.workspace))
  })
  await scratch.git('add', '--all')
  await scratch.git('commit', '--quiet', '--allow-empty', '--message=Released')

  const packages = publicPackages(scratch.workspace)
  for (const one of packages) {
    await tally.check(`a minor changeset for ${one.manifest.name} alone`, async () => {
      const bumped = await bumpedBy(scratch, one)
      const expected = [one, ...packages.filter((other) => dependsOn(other, one) && leavesRange(one))]
      const names = expected.map(({ manifest }) => manifest.name)
      if (bumped.toSorted().join() !== names.toSorted().join()) {
        throw new Error(`expected to bump ${names.join(', ')}, bumped ${bumped.join(', ') || 'nothing'}`)
      }
      return `bumps ${bumped.join(', ')}`
    })
  }
}

async function bumpedBy(scratch: Scratch, one: PublicPackage): Promise<readonly string[]> {
  const before = versions(scratch.workspace)
  try {
    const changeset = `---\n'${one.manifest.name}': minor\n---\n\nOnly this one.\n`
    writeFileSync(join(scratch.workspace, '.changeset', 'only-this-one.md'), changeset)
    await changesetVersion(scratch)
    const after = versions(scratch.workspace)
    return [...after.keys()].filter((name) => after.get(name) !== before.get(name))
  } finally {
    await scratch.git('reset', '--quiet', '--hard')
    await scratch.git('clean', '--quiet', '-fd')
  }
}

async function changesetVersion(scratch: Scratch): Promise<void> {
  await run(tool('changeset'), ['version'], { cwd: scratch.workspace })
}

// Below 1.0.0 a minor leaves a caret range, so whoever depends on the package is released too.
function leavesRange({ manifest }: PublicPackage): boolean {
  return manifest.version.startsWith('0.')
}

function versions(workspace: string): Map<string, string> {
  return new Map(publicPackages(workspace).map(({ manifest }) => [manifest.name, manifest.version]))
}

function versionTable(before: Map<string, string>, after: Map<string, string>): string {
  return [...after]
    .map(([name, version]) => `    ${name.padEnd(20)} ${before.get(name)?.padEnd(8)} → ${version}`)
    .join('\n')
}
