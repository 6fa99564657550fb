import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../run.ts'
import { root } from '../workspace.ts'
import type { Scratch } from './scratch.ts'

/** An empty ESM project of a user; resolves its folder. */
export function emptyProject(scratch: Scratch, name: string): string {
  // Types of Node stand above the projects: a user has them, and they don't count as installed.
  const types = scratch.folder('consumers/node_modules/@types')
  const nodeTypes = join(types, 'node')
  if (!existsSync(nodeTypes)) symlinkSync(join(root, 'node_modules/@types/node'), nodeTypes, 'dir')
  const project = scratch.folder(join('consumers', name))
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  return project
}

/** Installs tarballs or packages of the registry, without running their scripts. */
export async function npmInstall(project: string, what: readonly string[]): Promise<void> {
  mkdirSync(project, { recursive: true })
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts']
  await run('npm', ['install', ...quiet, ...what], { cwd: project })
}

/** The names of everything in a project's node_modules. */
export function installed(project: string): readonly string[] {
  const lock = readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8')
  const { packages } = JSON.parse(lock) as { packages: Readonly<Record<string, unknown>> }
  return Object.keys(packages).map((path) => path.split('node_modules/').at(-1) ?? path)
}
