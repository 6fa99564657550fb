import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs Node.js in this folder, with `@code/lazy` from its sources; resolves to what it printed. */
export async function runNode(args: readonly string[]): Promise<string> {
  const flags = ['--conditions=@code/source', '--disable-warning=ExperimentalWarning']
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...args], {
    cwd: import.meta.dirname,
  })
  return stdout
}
