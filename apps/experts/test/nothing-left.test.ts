import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// The demo is ended in every way a person or a machine may end it, once its services run.

const demo = fileURLToPath(new URL('fixtures/watched-demo.ts', import.meta.url))

const ways: [name: string, end: (runner: ChildProcess, demoPid: number) => void][] = [
  ['Ctrl-C on the group', (runner) => void process.kill(-runner.pid!, 'SIGINT')],
  ['SIGTERM to the demo', (_, pid) => void process.kill(pid, 'SIGTERM')],
  ['SIGKILL to the demo', (_, pid) => void process.kill(pid, 'SIGKILL')],
  ['SIGTERM to the runner', (runner) => void runner.kill('SIGTERM')],
  ['SIGKILL to the runner', (runner) => void runner.kill('SIGKILL')],
]

test.each(ways)('%s leaves no process and no folder behind', { timeout: 60_000 }, async (name, end) => {
  const folder = await mkdtemp(join(tmpdir(), 'code-demo-'))
  try {
    // A package manager stands between the person and the demo: it starts a shell, which starts the demo.
    const runner = join(folder, 'pnpm')
    await writeFile(runner, '#!/bin/sh\nsh -c "$*; exit"\nexit\n')
    await chmod(runner, 0o700)
    const services = join(folder, 'services')
    await mkdir(services)
    await chmod(folder, 0o755)
    await chmod(services, 0o1777)
    const mark = `mark-${Math.random().toString(36).slice(2)}`
    const child = spawn(runner, [process.execPath, '--conditions=@code/source', demo], {
      detached: true,
      env: { ...process.env, TMPDIR: services, CODE_TEST_MARK: mark },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await expect.poll(() => output, { timeout: 30_000 }).toContain('importing')
    const before = marked(mark)
    const demoPid = before.find(
      ({ command }) => command.startsWith(process.execPath) && command.includes('demo.ts'),
    )!.pid
    expect(
      before.some(({ command }) => command.includes('postgres')),
      name,
    ).toBe(true)

    end(child, demoPid)
    await ended
    await expect.poll(() => marked(mark), { timeout: 15_000 }).toEqual([])
    expect(await readdir(services)).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** The processes whose environment carries the mark. */
function marked(mark: string): { pid: number; command: string }[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).split(
      '\n',
    )
    return lines
      .filter((line) => line.includes(mark))
      .map((line) => ({ pid: Number.parseInt(line, 10), command: line }))
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark)) return []
        return [
          { pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') },
        ]
      } catch {
        return []
      }
    })
}
