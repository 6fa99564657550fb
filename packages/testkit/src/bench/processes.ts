import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { armNames, measureInRounds, roundsOf, type Figures, type Measurement } from './measurement.ts'

/** A program to run. Its last line of stdout may be a JSON object of numbers: further figures of its own. */
export interface ProcessArm {
  readonly file: URL
  readonly args?: readonly string[] | undefined
  /** Flags for Node, for instance `['--conditions=@code/source']`. */
  readonly execArgv?: readonly string[] | undefined
  /** Variables added to those of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined
}

export interface ProcessesOptions<Name extends string> {
  readonly title: string
  readonly arms: Readonly<Record<Name, ProcessArm>>
  /** Fresh processes per arm. Integer from 1. @default 5 */
  readonly samples?: number | undefined
  /** How long one process may take, in milliseconds. @default 120_000 */
  readonly timeoutMs?: number | undefined
  /** Which of the programs' own figures are better when higher. */
  readonly higherIsBetter?: readonly string[] | undefined
}

const defaults = { samples: 5, timeoutMs: 120_000 } as const
const preload = fileURLToPath(new URL('process-figures.cjs', import.meta.url))

/** A fresh process a sample, arms interleaved: wall and CPU time, peak and private memory, and its own figures. */
export async function compareProcesses<Name extends string>(
  options: ProcessesOptions<Name>,
): Promise<Measurement<Name>> {
  const { title, arms, timeoutMs = defaults.timeoutMs, higherIsBetter } = options
  const names = armNames(title, arms)
  const rounds = roundsOf(options.samples ?? defaults.samples)
  // The first start of a program reads it from the disk, which no later one does.
  for (const name of names) await measureInRounds({ title, arms: [name], rounds: 1, measure })
  return measureInRounds({ title, arms: names, rounds, higherIsBetter, measure })

  function measure(name: Name): Promise<Figures> {
    return runOnce(arms[name], timeoutMs)
  }
}

async function runOnce(arm: ProcessArm, timeoutMs: number): Promise<Figures> {
  const { file, args = [], execArgv = [], env } = arm
  const before = performance.now()
  const child = spawn(process.execPath, ['--require', preload, ...execArgv, fileURLToPath(file), ...args], {
    env: { ...process.env, ...env, CODE_BENCH_FIGURES_FD: '3' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const outputs = [1, 2, 3].map((fd) => text(child.stdio[fd] as NodeJS.ReadableStream))
  const [{ wallMs, code, signal }, [stdout = '', stderr = '', figures = '']] = await Promise.all([
    exitOf(child, before),
    Promise.all(outputs),
  ])
  if (code !== 0 || figures === '') {
    throw new Error(`${fileURLToPath(file)} ended with ${signal ?? `exit code ${code}`}\n${stdout}${stderr}`)
  }
  return { wallMs, ...(JSON.parse(figures) as Figures), ...ownFigures(stdout) }
}

async function exitOf(
  child: ReturnType<typeof spawn>,
  before: number,
): Promise<{ wallMs: number; code: number | null; signal: string | null }> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  return { wallMs: performance.now() - before, code, signal }
}

function ownFigures(stdout: string): Figures {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  return line.startsWith('{') ? (JSON.parse(line) as Figures) : {}
}
