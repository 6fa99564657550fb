import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import type { GcPlan } from '../src/index.ts'
import { runNode } from './run-node.ts'

const fixture = new URL('fixtures/restart.ts', import.meta.url)

interface Report {
  readonly pid: number
  readonly argv: string[]
  readonly execArgv: string[]
  readonly cwd: string
  readonly kept: string
  readonly plans: readonly GcPlan[]
  readonly input: string
}

test('a restart keeps process id, arguments, environment, folder and standard streams, and happens once', async () => {
  const starts = startsFile()
  const env = { STARTS: starts, KEPT: 'a value' }
  const args = ['--no-deprecation', fixture, '--flag', 'two words', '']
  const report = (await runNode(args, { env, input: 'from stdin' })) as Report
  expect(report).toMatchObject({
    argv: [process.execPath, fileURLToPath(fixture), '--flag', 'two words', ''],
    cwd: process.cwd(),
    kept: 'a value',
    input: 'from stdin',
  })
  expect(report.execArgv).toContain('--no-deprecation')
  expect(readFileSync(starts, 'utf8')).toBe(`${report.pid}\n`.repeat(2))
  expect(report.plans.some(({ applied }) => applied)).toBe(true)
})

test('nothing is restarted when there is nothing to add', async () => {
  const starts = startsFile()
  const flags = ['--max-semi-space-size=1', '--max-old-space-size=300']
  const { pid, plans } = (await runNode([...flags, fixture], { env: { STARTS: starts } })) as Report
  expect(readFileSync(starts, 'utf8')).toBe(`${pid}\n`)
  expect(plans).toMatchObject([{ applied: true }, { applied: true }])
})

test('whoever was restarted already is not restarted again', async () => {
  const command = ['-c', 'CODE_GC_RESTARTED=$$ exec "$0" "$1"', process.execPath, fileURLToPath(fixture)]
  const child = spawn('sh', command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const refused = refusals(JSON.parse(await text(child.stdout)))
  expect(refused).toEqual(refused.map(() => ['this process was restarted already']))
})

test('a child that inherits the mark of a restarted parent restarts itself', async () => {
  const starts = startsFile()
  const env = { STARTS: starts, CODE_GC_RESTARTED: '1' }
  const { pid } = (await runNode([fixture], { env })) as Report
  expect(readFileSync(starts, 'utf8')).toBe(`${pid}\n`.repeat(2))
})

test('a program given on the command line is restarted too', async () => {
  const starts = startsFile()
  const program = `await import(${JSON.stringify(fixture.href)})`
  const args = ['--input-type=module', '-e', program, '--', '--flag']
  const report = (await runNode(args, { env: { STARTS: starts } })) as Report
  expect(readFileSync(starts, 'utf8')).toBe(`${report.pid}\n`.repeat(2))
  expect(report.argv).toEqual([process.execPath, '--flag'])
})

test.each<[string, () => Promise<unknown>, string]>([
  ['a program from standard input', programFromStdin, 'the program came from standard input'],
  ['a child with a channel to its parent', forkedChild, 'the channel to the parent process would be lost'],
  ['a worker thread', workerThread, 'a worker thread cannot restart its process'],
  [
    'a process without the permission',
    withoutPermission,
    'process.execve refused: Error: Access to this API',
  ],
])('%s goes on as it is and says why', async (_, start, reason) => {
  const refused = refusals(await start())
  expect(refused).toEqual(refused.map(() => [expect.stringContaining(reason)]))
})

/** The reasons of the plans that were not applied, of which there must be one. */
function refusals(report: unknown): (readonly string[])[] {
  const refused = (report as Report).plans.filter(({ applied }) => !applied)
  expect(refused.length).toBeGreaterThan(0)
  return refused.map(({ notApplied }) => notApplied)
}

function startsFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'code-gc-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'starts')
}

function programFromStdin(): Promise<unknown> {
  return runNode(['--input-type=module', '-'], { input: `await import(${JSON.stringify(fixture.href)})` })
}

async function forkedChild(): Promise<unknown> {
  const child = fork(fixture, { execArgv: [] })
  const [report] = (await once(child, 'message')) as [unknown]
  child.kill()
  await once(child, 'exit')
  return report
}

async function workerThread(): Promise<unknown> {
  const worker = new Worker(fixture, { execArgv: [] })
  const [report] = (await once(worker, 'message')) as [unknown]
  await worker.terminate()
  return report
}

function withoutPermission(): Promise<unknown> {
  return runNode(['--permission', '--allow-fs-read=*', fixture])
}
