import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

/**
 * Calls `onGone` once when the command that somebody typed has ended. Killing that command (npx, pnpm, a shell
 * between) leaves this process alive and adopted by somebody else, so every link from here up to it is watched:
 * where one has another parent than at first, the chain is broken. Where there is no /proc, only the direct
 * parent is watched.
 */
export function watchOriginalParent(onGone: () => void): void {
  const parent = process.ppid
  const chain = chainToRunner()
  const timer = setInterval(() => {
    if (process.ppid === parent && chain.every((link) => parentOf(link.pid) === link.parent)) return
    clearInterval(timer)
    onGone()
  }, 200).unref()
}

interface Link {
  readonly pid: number
  readonly parent: number
}

/** From this process up to the child of the topmost package manager, with nothing but shells between. */
function chainToRunner(): Link[] {
  const links: Link[] = []
  let length = 0
  for (let pid = process.pid, parent = parentOf(pid); parent !== undefined; parent = parentOf(pid)) {
    links.push({ pid, parent })
    const kind = kindOf(parent)
    if (kind === undefined) break
    if (kind === 'runner') length = links.length
    pid = parent
  }
  return links.slice(0, length)
}

/** npm and its like show themselves as `node …/npm-cli.js`, as a script of a shell, or by a title: `npm exec …`. */
function kindOf(pid: number): 'runner' | 'shell' | undefined {
  const [program = '', script = ''] = read(`/proc/${pid}/cmdline`)?.split('\0') ?? []
  const name = basename(program.split(' ')[0]!)
  const isInterpreter = /^(node|sh|bash|dash|zsh|ash)$/.test(name)
  if (runner.test(name) || (isInterpreter && runner.test(basename(script)))) return 'runner'
  return isInterpreter && name !== 'node' ? 'shell' : undefined
}

const runner = /^(npm|npx|pnpm|pnpx|turbo)(-cli)?(\.[cm]?js)?$/

/** A name may hold spaces and brackets; the parent stands second after the last bracket. A zombie has none. */
function parentOf(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  const [state, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return state === undefined || state === 'Z' ? undefined : Number(parent)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
