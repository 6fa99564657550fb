import { readFileSync } from 'node:fs'

export interface ResidentMemory {
  readonly rssBytes: number
  /** The most it ever was. */
  readonly peakRssBytes: number
  /** Without mapped files and shared memory: heap and stacks. */
  readonly anonBytes: number
}

/** What a process holds in memory, by the kernel's account. `undefined` where there is no /proc, or no such process. */
export function residentMemory(pid: number = process.pid): ResidentMemory | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return undefined
  }
  const bytes = (name: string): number => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    return Number(kilobytes ?? Number.NaN) * 1024
  }
  const memory = { rssBytes: bytes('VmRSS'), peakRssBytes: bytes('VmHWM'), anonBytes: bytes('RssAnon') }
  // A zombie has a status file without memory.
  return Object.values(memory).some(Number.isNaN) ? undefined : memory
}
