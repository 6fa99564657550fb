import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'

/** The least memory that a limit around this process allows, and who says so. */
export interface MemoryLimit {
  readonly bytes: number
  /** The file that holds the limit, or `process.constrainedMemory()`. */
  readonly source: string
}

/**
 * Reads the memory limit of the control groups (v1 or v2) around this process: the least one on the way from its
 * own group to the root. Node's own reading counts too. Nothing when there is no limit below the memory of
 * the machine: v1 says 2 ** 63 less a page for none, Node 2 ** 64.
 * @param root where `/proc` and `/sys` are; another one in tests
 */
export function readMemoryLimit(
  root = '/',
  constrainedMemory: number = process.constrainedMemory(),
): MemoryLimit | undefined {
  const candidates = [
    ...limitFiles(root).map((file) => ({ bytes: bytesIn(join(root, file)), source: file })),
    { bytes: constrainedMemory, source: 'process.constrainedMemory()' },
  ]
  const limits = candidates.filter(({ bytes }) => bytes > 0 && bytes < totalmem())
  return limits.toSorted((a, b) => a.bytes - b.bytes)[0]
}

function limitFiles(root: string): string[] {
  return textOf(join(root, '/proc/self/cgroup'))
    .split('\n')
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
      if (path === undefined) return []
      if (controllers === '') return inEveryGroup('/sys/fs/cgroup', path, ['memory.max', 'memory.high'])
      if (!controllers!.split(',').includes('memory')) return []
      return inEveryGroup('/sys/fs/cgroup/memory', path, ['memory.limit_in_bytes'])
    })
}

/** In a container the path is often the host's: those groups are not to be seen there, but the root is. */
function inEveryGroup(mount: string, path: string, names: readonly string[]): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  const groups = parts.map((_, depth) => join(mount, ...parts.slice(0, depth + 1)))
  return [mount, ...groups].flatMap((group) => names.map((name) => join(group, name)))
}

/** `max` and what is missing are not a number. */
function bytesIn(file: string): number {
  return Number.parseInt(textOf(file), 10)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
