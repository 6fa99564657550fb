import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Watchdog, type SupervisedProcess } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'

const watchdog = new Watchdog()
afterAll(() => watchdog.close())

test('SIGTERM: readiness off, delay, server with its request in flight, pool, telemetry, exit 0', async () => {
  const lines: string[] = []
  await using service = await start('serve', lines)
  const port = Number(lines.at(-1)!.split(' ')[1])
  const agent = new Agent({ keepAlive: true })
  const asked = once(get({ port, agent }), 'response') as Promise<[IncomingMessage]>
  await expect.poll(() => lines).toContain('in flight')
  process.kill(service.pid, 'SIGTERM')
  const [response] = await asked
  expect([response.headers.connection, await text(response)]).toEqual(['close', 'done'])
  expect(await service.exited).toEqual({ code: 0, signal: null })
  expect(lines.slice(1)).toEqual([
    'in flight',
    'readiness off',
    'pool',
    'telemetry',
    'closed true: readiness off true, pre-stop delay true, server true, pool true, telemetry true',
  ])
  agent.destroy()
})

test('a step that fails makes the exit code 1', async () => {
  await using service = await start('fail')
  process.kill(service.pid, 'SIGINT')
  expect(await service.exited).toEqual({ code: 1, signal: null })
  expect(service.output()).toContain('closed false: readiness off true, pool false')
})

test('a second signal exits at once, with 128 and its number', async () => {
  const lines: string[] = []
  await using service = await start('hang', lines)
  process.kill(service.pid, 'SIGTERM')
  await expect.poll(() => lines).toContain('readiness off')
  process.kill(service.pid, 'SIGINT')
  expect(await service.exited).toEqual({ code: 130, signal: null })
})

test('the same signal again exits at once too, with a code of choice', async () => {
  await using service = await start('hangWithCode')
  let ended = false
  void service.exited.then(() => {
    ended = true
    return ended
  })
  await expect
    .poll(
      () => {
        if (!ended) process.kill(service.pid, 'SIGTERM')
        return ended
      },
      { timeout: 10_000 },
    )
    .toBe(true)
  expect(await service.exited).toEqual({ code: 9, signal: null })
})

test('what a package manager passes on of a Ctrl-C is no second signal', async () => {
  await using service = await start('echo')
  process.kill(service.pid, 'SIGINT')
  expect(await service.exited).toEqual({ code: 0, signal: null })
  expect(service.output()).toContain('closed true: readiness off true, echo true')
})

test('SIGTERM in the midst of a start closes what is still being opened, and what that start adds', async () => {
  await using service = await start('start')
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toEqual({ code: 0, signal: null })
  expect(service.output()).toMatch(/closed what opened late\nclosed what came after\nclosed true/)
})

test('without exit the process ends by itself, and nothing listens to signals any more', async () => {
  await using service = await start('stay')
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toEqual({ code: 7, signal: null })
  expect(service.output()).toContain('ended by itself with 0 listeners')
})

test('of several lifecycles the last to end exits, with the worst outcome', async () => {
  await using service = await start('two')
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toEqual({ code: 1, signal: null })
  expect(service.output()).toMatch(/closed false: .*quick false\nclosed true: slow true$/)
})

test('a shutdown that code began ends before the exit too', async () => {
  await using service = await start('other')
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toEqual({ code: 0, signal: null })
  expect(service.output()).toMatch(/closed true: readiness off true\nby code true$/)
})

test('an onReport that throws is an uncaught exception, and the process exits even when that is handled', async () => {
  await using service = await start('throws')
  process.kill(service.pid, 'SIGTERM')
  expect(await service.exited).toEqual({ code: 1, signal: null })
  expect(service.output()).toContain('uncaught: cannot report')
})

test('handlers are installed once, and go when the lifecycle closes', async () => {
  const before = process.listenerCount('SIGUSR2')
  const lifecycle = new LifecycleManager()
  lifecycle.installSignalHandlers({ signals: ['SIGUSR2', 'SIGUSR2'] })
  lifecycle.installSignalHandlers({ signals: ['SIGUSR2'] })
  expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
  await lifecycle.close()
  expect(process.listenerCount('SIGUSR2')).toBe(before)
})

test('wrong options of signals are refused at once', () => {
  const lifecycle = new LifecycleManager()
  const install = (options: object) => () => lifecycle.installSignalHandlers(options)
  expect(install({ signals: ['SIGKILL'] })).toThrow(/^signals must be .* can handle, got 'SIGKILL'$/)
  expect(install({ signals: ['TERM'] })).toThrow(TypeError)
  expect(install({ signals: 'SIGTERM' })).toThrow(TypeError)
  expect(install({ exit: 1 })).toThrow('exit must be a boolean, got 1')
  expect(install({ forceExitCode: 256 })).toThrow('forceExitCode must be an integer from 0 to 255, got 256')
  expect(install({ onReport: 'log' })).toThrow(TypeError)
  expect(install({ preStopDelayMs: 10_000 })).toThrow(RangeError)
})

function start(service: string, lines: string[] = []): Promise<SupervisedProcess> {
  const fixture = fileURLToPath(new URL('../fixtures/lifecycle-service.ts', import.meta.url))
  return watchdog.start({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', fixture, service],
    ready: (line) => line.startsWith('ready'),
    onLine: (line) => lines.push(line),
  })
}
