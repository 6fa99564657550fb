import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../workspace.ts'
import { npmInstall } from './project.ts'

export interface Runtime {
  readonly name: string
  readonly node: string
}

/** The oldest Node that `engines` promises and the one this script runs on. */
export async function runtimes(): Promise<readonly Runtime[]> {
  return [
    { name: `Node ${oldest}`, node: await download(oldest) },
    { name: `Node ${process.versions.node}`, node: process.execPath },
  ]
}

const oldest = '22.19.0'

// The npm package `node` only wraps one package a platform; that one is asked for by name, so no install
// script runs. It is kept in .cache/ for the next time.
async function download(version: string): Promise<string> {
  const name = platformPackage()
  const folder = join(root, '.cache', `node-${version}`)
  const node = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    await npmInstall(folder, [`${name}@${version}`])
  }
  return node
}

function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  return `${prefix}-${platform}-${process.arch}`
}
