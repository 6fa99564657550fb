// A published package that changed must be named in a changeset, or its users never get the change.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'
import { Tally } from './tally.ts'
import { changesetFiles, pnpmVersion, publicPackages, root } from './workspace.ts'
import type { PublicPackage } from './workspace.ts'

const tally = new Tally()
const forked = await forkedFrom()
const changesets = await pendingChangesets()
for (const one of publicPackages()) {
  const { name } = one.manifest
  await tally.check(`${name} has a changeset where it needs one`, async () => {
    const since = await comparedWith(one)
    const changed = await changedFiles(one, since)
    const named = changesets.filter(({ packages }) => packages.includes(name))
    if (named.length > 0) return named.map(({ file }) => file).join(', ')
    if (changed.length === 0) return `nothing changed since ${since?.slice(0, 9)}`
    const base = since === undefined ? 'and it was never released' : `since ${since.slice(0, 9)}`
    throw new Error(
      `${changed.length} files changed ${base}, first ${changed[0]}. Add a changeset:\n` +
        `npx -y pnpm@${pnpmVersion} exec changeset add --patch ${name} -m "What changed"`,
    )
  })
}
tally.end()

/** The commit where this branch left the default branch; undefined on the default branch itself. */
async function forkedFrom(): Promise<string | undefined> {
  for (const branch of ['origin/main', 'main']) {
    const base = await git('merge-base', 'HEAD', branch).catch(() => '')
    if (base !== '') return base === (await git('rev-parse', 'HEAD')) ? undefined : base
  }
  return undefined
}

/** A branch answers for what it changed, the default branch for everything since the package's release. */
async function comparedWith({ folder }: PublicPackage): Promise<string | undefined> {
  // Only `changeset version` writes a package's changelog, so its last commit is the release.
  const released = await git('log', '-1', '--format=%H', '--', `packages/${folder}/CHANGELOG.md`)
  if (released === '') return forked
  if (forked === undefined) return released
  const isLater = await git('merge-base', '--is-ancestor', forked, released).then(
    () => true,
    () => false,
  )
  return isLater ? released : forked
}

async function changedFiles(
  { folder }: PublicPackage,
  since: string | undefined,
): Promise<readonly string[]> {
  const paths = [`packages/${folder}/src`, `packages/${folder}/package.json`]
  return since === undefined ? lines(await git('ls-files', '--', ...paths)) : changedSince(since, paths)
}

/** The changesets not yet released; on a branch only its own, for the others tell other changes. */
async function pendingChangesets(): Promise<readonly { file: string; packages: readonly string[] }[]> {
  const folder = join(root, '.changeset')
  const own = forked === undefined ? undefined : await changedSince(forked, ['.changeset'])
  return changesetFiles()
    .filter((file) => own === undefined || own.includes(`.changeset/${file}`))
    .map((file) => ({ file, packages: namedPackages(readFileSync(join(folder, file), 'utf8')) }))
}

function namedPackages(changeset: string): readonly string[] {
  const header = /^---\n(.*?)^---$/ms.exec(changeset)?.[1] ?? ''
  return [...header.matchAll(/^['"]?([^'":\n]+)['"]?:/gm)].map((line) => line[1] ?? '')
}

async function changedSince(commit: string, paths: readonly string[]): Promise<readonly string[]> {
  const tracked = await git('diff', '--name-only', commit, '--', ...paths)
  const added = await git('ls-files', '--others', '--exclude-standard', '--', ...paths)
  return [...lines(tracked), ...lines(added)]
}

async function git(...args: readonly string[]): Promise<string> {
  return (await run('git', args, { cwd: root })).trim()
}

function lines(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n')
}
