import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The repository's root folder. */
export const root: string = resolve(import.meta.dirname, '..')

/** The pnpm that this repository is written for. */
export const pnpmVersion: string = (
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devEngines: { packageManager: { version: string } }
  }
).devEngines.packageManager.version

/** What the scripts read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly files?: readonly string[]
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export interface PublicPackage {
  /** Folder under `packages/`. */
  readonly folder: string
  readonly path: string
  readonly manifest: Manifest
}

/** The packages that are published, a dependency before those that need it. */
export function publicPackages(workspace: string = root): readonly PublicPackage[] {
  const packages = readdirSync(join(workspace, 'packages'))
    .filter((folder) => existsSync(join(workspace, 'packages', folder, 'package.json')))
    .map((folder) => {
      const path = join(workspace, 'packages', folder)
      return { folder, path, manifest: readManifest(path) }
    })
    .filter(({ manifest }) => manifest.private !== true)
  const ordered: PublicPackage[] = []
  const visit = (one: PublicPackage): void => {
    for (const needed of packages) if (dependsOn(one, needed)) visit(needed)
    if (!ordered.includes(one)) ordered.push(one)
  }
  packages.forEach(visit)
  return ordered
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Whether `one` lists `other` in its dependencies. */
export function dependsOn(one: PublicPackage, other: PublicPackage): boolean {
  return one.manifest.dependencies?.[other.manifest.name] !== undefined
}

/** What users import: `@code/pool`, `@code/connections/http`, … without `./package.json`. */
export function entryPoints(manifest: Manifest): readonly string[] {
  return Object.keys(manifest.exports)
    .filter((subpath) => subpath !== './package.json')
    .map((subpath) => manifest.name + subpath.slice(1))
}

/** The pending changesets' file names in `.changeset/`. */
export function changesetFiles(workspace: string = root): readonly string[] {
  return readdirSync(join(workspace, '.changeset')).filter(
    (file) => file.endsWith('.md') && file !== 'README.md',
  )
}

/** A program of the root's devDependencies. */
export function tool(name: string): string {
  return join(root, 'node_modules', '.bin', name)
}
