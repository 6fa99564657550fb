import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Runs Node in a process of its own and gives what it prints as JSON. Fails with its output when it fails. */
export async function runNode(
  args: readonly (string | URL)[],
  { env = {}, input = '' }: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<unknown> {
  const words = args.map((arg) => (arg instanceof URL ? fileURLToPath(arg) : arg))
  const child = spawn(process.execPath, words, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input)
  const exit = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  if (code !== 0) throw new Error(`node ended with ${signal ?? code}\n${stdout}${stderr}`)
  return JSON.parse(stdout)
}
