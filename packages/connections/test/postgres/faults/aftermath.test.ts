import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'

const server = await startPostgres()
afterAll(() => server.close())

test('after all kinds of faults a process has nothing unhandled, nothing left open, and ends by itself', async () => {
  const program = fileURLToPath(new URL('aftermath.ts', import.meta.url))
  const { stdout, stderr, code } = await run(program, [server.url])
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    unhandled: [],
    warnings: [],
    resources: [],
    listeners: 0,
    connected: 0,
  })
  expect(code).toBe(0)
}, 40_000)

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | string | null | undefined
}

function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const command = ['--conditions=@code/source', '--disable-warning=ExperimentalWarning', program, ...args]
    const options = { timeout: 30_000, env: { ...process.env, NODE_OPTIONS: '' } }
    const child = execFile(process.execPath, command, options, (error, stdout, stderr) => {
      resolve({ stdout, stderr, code: error === null ? child.exitCode : (error.code ?? error.signal) })
    })
  })
}
