import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

// A program, not a module to import: `Watchdog` in supervised-process.ts runs it in a session of its own. It reads one
// JSON request a line. When stdin ends, for whatever reason the other side had, everything it started is
// ended and every folder it made is removed. It makes the folders itself, so there is no moment when one
// exists and nobody answers for it.

export type WatchdogRequest =
  | {
      readonly do: 'makeFolder'
      readonly id: number
      readonly path: string
      readonly owner?: Owner | undefined
    }
  | ({ readonly do: 'start'; readonly id: number } & StartRequest)
  | { readonly do: 'stop'; readonly id: number; readonly signal?: NodeJS.Signals | undefined }

export interface StartRequest {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly owner?: Owner | undefined
  readonly stopSignal: NodeJS.Signals
  readonly graceMs: number
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export type WatchdogReport =
  | { readonly is: 'done'; readonly id: number; readonly pid?: number | undefined }
  | { readonly is: 'failed'; readonly id: number; readonly message: string }
  | { readonly is: 'line'; readonly id: number; readonly text: string }
  | { readonly is: 'exit'; readonly id: number; readonly code: number | null; readonly signal: string | null }

interface Running {
  stop(signal?: NodeJS.Signals): void
  readonly exited: Promise<unknown>
}

const folders: string[] = []
const running = new Map<number, Running>()

// The reader may be gone already; that is when the work below matters most.
process.stdout.on('error', () => {})
process.stdin.on('error', () => void end())
createInterface({ input: process.stdin })
  .on('line', (line) => handle(JSON.parse(line) as WatchdogRequest))
  .on('close', () => void end())
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end())

function handle(request: WatchdogRequest): void {
  try {
    if (request.do === 'makeFolder') makeFolder(request.path, request.owner)
    else if (request.do === 'start') return start(request.id, request)
    else return running.get(request.id)?.stop(request.signal)
    report({ is: 'done', id: request.id })
  } catch (error) {
    report({ is: 'failed', id: request.id, message: (error as Error).message })
  }
}

function makeFolder(path: string, owner: Owner | undefined): void {
  mkdirSync(path, { mode: 0o700 })
  folders.push(path)
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
}

function start(id: number, request: StartRequest): void {
  // Its own process group, so that whatever it started in turn can be ended with it.
  const child = spawn(request.command, request.args, {
    cwd: request.cwd,
    env: request.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...request.owner,
  })
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (text) => report({ is: 'line', id, text }))
  }
  child.on('spawn', () => report({ is: 'done', id, pid: child.pid }))
  child.on('error', (error) => {
    if (child.pid === undefined) report({ is: 'failed', id, message: error.message })
  })
  if (child.pid === undefined) return
  running.set(id, {
    exited: exitOf(id, child, child.pid),
    stop(signal = request.stopSignal) {
      child.kill(signal)
      setTimeout(() => child.kill('SIGKILL'), request.graceMs).unref()
    },
  })
}

async function exitOf(id: number, child: ChildProcess, pid: number): Promise<void> {
  const closed = once(child, 'close')
  await once(child, 'exit')
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group died with its leader.
  }
  // Its last lines, unless a process that left the group still holds the pipe.
  await Promise.race([closed, delay(500)])
  running.delete(id)
  report({ is: 'exit', id, code: child.exitCode, signal: child.signalCode })
}

let ending = false
async function end(): Promise<void> {
  if (ending) return
  ending = true
  for (const each of running.values()) each.stop()
  await Promise.all([...running.values()].map((each) => each.exited))
  for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit()
}

function report(report: WatchdogReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
