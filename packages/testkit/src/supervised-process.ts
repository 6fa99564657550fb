import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { TestkitError } from './errors.ts'
import type { Owner, WatchdogReport, WatchdogRequest } from './watchdog.ts'

export type { Owner } from './watchdog.ts'

export interface ProcessOptions {
  /** The program: a path, or a name found on PATH. */
  readonly command: string
  readonly args?: readonly string[] | undefined
  /** @default the working folder of this process */
  readonly cwd?: string | undefined
  /** Variables added to those of this process; `undefined` removes one. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Whom it runs as, where this process is root. @default this process's own user */
  readonly owner?: Owner | undefined
  /** Asks the process to end. @default 'SIGTERM' */
  readonly stopSignal?: NodeJS.Signals | undefined
  /** How long it may take to end before SIGKILL, in milliseconds. @default 5_000 */
  readonly graceMs?: number | undefined
  /** Recognises the line of output that says the process is ready. @default ready once started */
  readonly ready?: ((line: string) => boolean) | undefined
  /** How long that line may take, in milliseconds. @default 30_000 */
  readonly readyTimeoutMs?: number | undefined
  /** Sees every line of stdout and stderr. */
  readonly onLine?: ((line: string) => void) | undefined
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

const defaults = { stopSignal: 'SIGTERM', graceMs: 5_000, readyTimeoutMs: 30_000 } as const

/**
 * Starts a process that cannot outlive this one: Ctrl-C on the group, SIGTERM or SIGKILL end it as well as
 * `stop()` does. Resolves once it is ready.
 *
 * @throws {TestkitError} PROCESS_FAILED when it cannot be started, ends before it is ready, or is not ready
 * in time; the message carries the end of its output.
 */
export async function superviseProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const watchdog = new Watchdog()
  try {
    const started = await watchdog.start(options)
    void closeAfter(started.exited, watchdog)
    return started
  } catch (error) {
    await watchdog.close()
    throw error
  }
}

async function closeAfter(exited: Promise<unknown>, watchdog: Watchdog): Promise<void> {
  await exited
  await watchdog.close()
}

/** A running child. `exited` settles however it ends. */
export interface SupervisedProcess extends AsyncDisposable {
  readonly pid: number
  readonly exited: Promise<Exit>
  /** The last lines of its stdout and stderr, for error messages. */
  output(): string
  /** Ends it: `signal` (@default `stopSignal`), then SIGKILL after `graceMs`. Harmless when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
}

/** Answers for any number of processes and temporary folders, from a process of its own. */
export class Watchdog implements AsyncDisposable {
  readonly #process: ChildProcess & { readonly stdin: NodeJS.WritableStream }
  readonly #gone: Promise<unknown>
  readonly #listeners = new Map<number, (report: WatchdogReport) => void>()
  #lastId = 0
  #ended = false

  constructor() {
    const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, ...env } = process.env
    const program = fileURLToPath(new URL('watchdog.ts', import.meta.url))
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
      detached: true,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.on('error', () => {})
    this.#process = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      const report = JSON.parse(line) as WatchdogReport
      this.#listeners.get(report.id)?.(report)
    })
    this.#gone = this.#watch(child)
  }

  /** Makes a folder under the system's temporary folder, removed at the end. */
  async makeFolder(name: string, owner?: Owner): Promise<string> {
    this.#requireAlive()
    const path = join(tmpdir(), `${name}-${randomBytes(6).toString('hex')}`)
    const id = ++this.#lastId
    const answer = await new Promise<WatchdogReport>((resolve) => {
      this.#listeners.set(id, resolve)
      this.#send({ do: 'makeFolder', id, path, owner })
    })
    this.#listeners.delete(id)
    if (answer.is === 'failed')
      throw new TestkitError('PROCESS_FAILED', `no folder ${path}: ${answer.message}`)
    return path
  }

  /** As `superviseProcess`, for one of several processes. */
  async start(options: ProcessOptions): Promise<SupervisedProcess> {
    this.#requireAlive()
    const { command, args = [], ready, readyTimeoutMs = defaults.readyTimeoutMs, onLine } = options
    const id = ++this.#lastId
    const exited = Promise.withResolvers<Exit>()
    const isReady = Promise.withResolvers<void>()
    const tail: string[] = []
    const fail = (what: string): void =>
      isReady.reject(new TestkitError('PROCESS_FAILED', [`${command} ${what}`, ...tail].join('\n')))
    let pid = 0
    this.#listeners.set(id, (report) => {
      if (report.is === 'line') {
        if (tail.push(report.text) > 100) tail.shift()
        onLine?.(report.text)
        if (ready?.(report.text)) isReady.resolve()
      } else if (report.is === 'done') {
        pid = report.pid ?? 0
        if (ready === undefined) isReady.resolve()
      } else if (report.is === 'failed') {
        fail(`could not be started: ${report.message}`)
      } else {
        this.#listeners.delete(id)
        fail(`ended before it was ready (${report.signal ?? `exit code ${report.code}`})`)
        exited.resolve({ code: report.code, signal: report.signal })
      }
    })
    const stop = (signal?: NodeJS.Signals): Promise<Exit> => {
      this.#send({ do: 'stop', id, signal })
      return exited.promise
    }
    this.#send({
      do: 'start',
      id,
      command,
      args,
      cwd: options.cwd ?? process.cwd(),
      env: { ...process.env, ...options.env },
      owner: options.owner,
      stopSignal: options.stopSignal ?? defaults.stopSignal,
      graceMs: options.graceMs ?? defaults.graceMs,
    })
    const late = setTimeout(() => fail(`was not ready within ${readyTimeoutMs} ms`), readyTimeoutMs)
    try {
      await isReady.promise
    } catch (error) {
      if (pid !== 0) await stop()
      this.#listeners.delete(id)
      throw error
    } finally {
      clearTimeout(late)
    }
    return {
      pid,
      exited: exited.promise,
      output: () => tail.join('\n'),
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    }
  }

  /** Ends every process and removes every folder. */
  async close(): Promise<void> {
    this.#process.stdin.end()
    await this.#gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #watch(child: ChildProcess): Promise<void> {
    await once(child, 'close').catch(() => {})
    this.#ended = true
    for (const [id, listener] of this.#listeners) {
      listener({ is: 'failed', id, message: 'its watchdog ended' })
      listener({ is: 'exit', id, code: null, signal: null })
    }
  }

  #requireAlive(): void {
    if (this.#ended) throw new TestkitError('PROCESS_FAILED', 'the watchdog has ended')
  }

  #send(request: WatchdogRequest): void {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`)
  }
}
