import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'

const moments = {
  'as its watchdog starts': () => true,
  'as its folder is made': (folder: string) => postgresFolder(folder) !== undefined,
  'as its data are laid out': (folder: string) => existsSync(join(postgresFolder(folder) ?? '', 'data/base')),
  'as it serves': (_: string, output: string) => output.includes('postgres://'),
}

for (const [moment, reached] of Object.entries(moments)) {
  test(`killing the owner of a Postgres ${moment} leaves no process and no folder`, async () => {
    await using holder = await holdPostgres()
    await vi.waitFor(() => expect(reached(holder.folder, holder.output())).toBe(true), {
      timeout: 15_000,
      interval: 5,
    })
    holder.process.kill('SIGKILL')
    await holder.everybodyGone
    expect(readdirSync(holder.folder)).toEqual([])
    expect(processesMentioning(holder.folder)).toEqual([])
  })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} to the whole group of its owner leaves no process and no folder`, async () => {
    await using holder = await holdPostgres()
    await vi.waitFor(() => expect(holder.output()).toContain('postgres://'), { timeout: 15_000 })
    process.kill(-holder.process.pid!, signal)
    await holder.everybodyGone
    expect(readdirSync(holder.folder)).toEqual([])
    expect(processesMentioning(holder.folder)).toEqual([])
  })
}

interface Holder extends AsyncDisposable {
  readonly process: ChildProcess
  readonly folder: string
  /** Its watchdog shares its stderr: that closes when both are gone. */
  readonly everybodyGone: Promise<unknown>
  output(): string
}

/** A process that starts a Postgres, with a temporary folder of its own to look for leftovers in. */
async function holdPostgres(): Promise<Holder> {
  const folder = await mkdtemp(join(tmpdir(), 'code-lifetime-'))
  await chmod(folder, 0o755)
  const program = fileURLToPath(new URL('fixtures/postgres-holder.ts', import.meta.url))
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, TMPDIR: folder, CODE_POSTGRES_URL: '' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const everybodyGone = once(child, 'close')
  return {
    process: child,
    folder,
    everybodyGone,
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await everybodyGone
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function postgresFolder(folder: string): string | undefined {
  const name = readdirSync(folder)[0]
  return name === undefined ? undefined : join(folder, name)
}

function processesMentioning(text: string): string[] {
  if (!existsSync('/proc')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes(text))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
