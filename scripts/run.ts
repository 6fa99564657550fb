import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

export interface RunOptions {
  /** The child's working folder. @default the current one */
  readonly cwd?: string | undefined
  /** Ends the child with SIGKILL after that many milliseconds. @default 120_000 */
  readonly timeoutMs?: number | undefined
}

/** Runs a program to its end with stdin closed; resolves its stdout, rejects with all it printed. */
export async function run(program: string, args: readonly string[], options?: RunOptions): Promise<string> {
  const timeoutMs = options?.timeoutMs ?? 120_000
  const running = execFileAsync(program, args, {
    cwd: options?.cwd,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  })
  running.child.stdin?.end()
  try {
    return (await running).stdout
  } catch (error) {
    const { stdout = '', stderr = '', killed, code } = error as Partial<Failure>
    const how = killed === true ? `was ended after ${timeoutMs} ms` : `failed (${code ?? 'no exit code'})`
    const command = [program, ...args].join(' ').slice(0, 200)
    throw new Error(`${command} ${how}\n${stdout}${stderr}`.trim(), { cause: error })
  }
}

interface Failure {
  readonly stdout: string
  readonly stderr: string
  readonly killed: boolean
  readonly code: number | string
}
