import { execFileSync } from 'node:child_process'
import { chown, writeFile } from 'node:fs/promises'
import type { Owner } from './watchdog.ts'

/** Whom a server runs as that refuses to run as root: nobody where this process is root, else its own user. */
export function unprivilegedOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  return { uid: idOfNobody('-u'), gid: idOfNobody('-g') }
}

/** Writes a file that the owner may read, and nobody else. */
export async function writeOwned(owner: Owner | undefined, path: string, text: string): Promise<string> {
  await writeFile(path, text, { mode: 0o600 })
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  return path
}

function idOfNobody(flag: string): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
}
