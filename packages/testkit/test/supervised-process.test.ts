import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { residentMemory, superviseProcess, Watchdog } from '../src/index.ts'

const node = process.execPath

test('a process is handed over once it says it is ready', async () => {
  const lines: string[] = []
  await using child = await superviseProcess({
    command: node,
    args: ['-e', `console.log('warming'); console.log(process.env.COLOUR); setInterval(() => {}, 1e6)`],
    env: { COLOUR: 'ready in green' },
    ready: (line) => line.startsWith('ready'),
    onLine: (line) => lines.push(line),
  })
  expect(isAlive(child.pid)).toBe(true)
  expect(lines).toEqual(['warming', 'ready in green'])
  expect(child.output()).toBe('warming\nready in green')
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(isAlive(child.pid)).toBe(false)
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' })
})

test('one that will not go is killed after its grace', async () => {
  const child = await superviseProcess({
    command: node,
    args: ['-e', `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log('up')`],
    graceMs: 50,
    ready: (line) => line === 'up',
  })
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGKILL' })
})

test('one that ends by itself is reported, with its last words', async () => {
  const child = await superviseProcess({
    command: node,
    args: ['-e', `console.error('bye'); process.exit(3)`],
  })
  expect(await child.exited).toEqual({ code: 3, signal: null })
  expect(child.output()).toBe('bye')
})

test('a program that is not there rejects with its name', async () => {
  await expect(superviseProcess({ command: '/nowhere/program' })).rejects.toMatchObject({
    code: 'PROCESS_FAILED',
    message: expect.stringContaining('/nowhere/program could not be started'),
  })
})

test('one that ends before it is ready rejects with its output', async () => {
  const ended = superviseProcess({
    command: node,
    args: ['-e', `console.log('no disk')`],
    ready: () => false,
  })
  await expect(ended).rejects.toMatchObject({
    code: 'PROCESS_FAILED',
    message: `${node} ended before it was ready (exit code 0)\nno disk`,
  })
})

test('one that is never ready is ended', async () => {
  let pid = 0
  const late = superviseProcess({
    command: node,
    args: ['-e', `console.log(process.pid); setInterval(() => {}, 1e6)`],
    ready: () => false,
    readyTimeoutMs: 1_000,
    onLine: (line) => (pid = Number(line)),
  })
  await expect(late).rejects.toMatchObject({ message: expect.stringContaining('not ready within 1000 ms') })
  expect(pid).toBeGreaterThan(0)
  expect(isAlive(pid)).toBe(false)
})

test('what a process started in turn ends with it', async () => {
  let pid = 0
  const shell = await superviseProcess({
    command: 'sh',
    args: ['-c', 'sleep 1000 & echo $!; wait'],
    ready: (line) => (pid = Number(line)) > 0,
  })
  expect(isAlive(pid)).toBe(true)
  await shell.stop()
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false))
})

test('a watchdog answers for several processes and folders', async () => {
  await using watchdog = new Watchdog()
  const folder = await watchdog.makeFolder('code-testkit')
  const forever = { command: node, args: ['-e', 'setInterval(() => {}, 1e6)'], cwd: folder }
  const [first, second] = await Promise.all([watchdog.start(forever), watchdog.start(forever)])
  await first.stop()
  expect(isAlive(second.pid)).toBe(true)
  await watchdog.close()
  expect(await second.exited).toEqual({ code: null, signal: 'SIGTERM' })
  expect(existsSync(folder)).toBe(false)
  expect(await second.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  await expect(watchdog.start(forever)).rejects.toMatchObject({ code: 'PROCESS_FAILED' })
  await expect(watchdog.makeFolder('code-testkit')).rejects.toMatchObject({ code: 'PROCESS_FAILED' })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie, not yet fetched by its adopter, still takes signals.
    return !existsSync('/proc') || residentMemory(pid) !== undefined
  } catch {
    return false
  }
}
