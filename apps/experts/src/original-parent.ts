import { readFileSync } from 'node:fs'

/**
 * Calls `onGone` once when the command that somebody typed has ended, or at once if it has already. Killing
 * that command (npx, pnpm, a shell between) leaves this process alive and adopted by somebody else, so every
 * link from here up to it is watched: where one has another parent than at first, the chain is broken. Where
 * there is no /proc, only the direct parent is watched.
 */
export function watchOriginalParent(onGone: () => void): void {
  const chain = chainToRunner()
  const startedByRunner =
    process.env['npm_execpath'] !== undefined || process.env['npm_lifecycle_event'] !== undefined
  const orphaned = startedByRunner && chain.length > 0 && !chain.some((link) => isRunner(link.pid))
  const timer = setInterval(check, 200)
  timer.unref()
  if (orphaned) onGone()

  function check(): void {
    const intact =
      process.ppid === parentAtStart && chain.every(({ pid, parent }) => statOf(pid)?.parent === parent)
    if (intact) return
    clearInterval(timer)
    onGone()
  }
}

interface Link {
  readonly pid: number
  readonly parent: number
}

const parentAtStart = process.ppid

/** From this process up to the child of the topmost package manager; just this process if there is none. */
function chainToRunner(): Link[] {
  const links: Link[] = []
  let runnerAt = 0
  for (let pid = process.pid; pid > 1;) {
    const stat = statOf(pid)
    if (stat === undefined) break
    links.push({ pid, parent: stat.parent })
    if (isRunner(stat.parent)) runnerAt = links.length
    pid = stat.parent
  }
  return links.slice(0, Math.max(1, runnerAt))
}

function isRunner(pid: number): boolean {
  try {
    return /(^|[/\0])(npm|npx|pnpm|turbo)(-cli)?(\.[cm]?js)?\0/.test(
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
    )
  } catch {
    return false
  }
}

/** The name of a process may hold spaces and brackets; its parent stands second after the last bracket. */
function statOf(pid: number): { parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : { parent: Number(parent) }
  } catch {
    return undefined
  }
}
