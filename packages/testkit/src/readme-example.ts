import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { TestkitError } from './errors.ts'

const timeoutMs = 20_000

export interface ReadmeExampleOptions {
  /** Which of the `ts` blocks, from 1. @default 1 */
  readonly block?: number | undefined
  /** Variables added to those of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined
}

/**
 * Runs a `ts` block of a package's README as a module of that package, so that the example imports the
 * package by its own name and always works as printed.
 *
 * @throws {TestkitError} EXAMPLE_FAILED when there is none, it exits non-zero, or it runs over 20 seconds;
 * the message carries its output.
 */
export async function runReadmeExample(
  packageFolder: URL,
  { block = 1, env }: ReadmeExampleOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const folder = fileURLToPath(packageFolder)
  const example = typeScriptBlock(
    await readFile(new URL('README.md', asFolder(packageFolder)), 'utf8'),
    block,
  )
  if (example === undefined) {
    throw new TestkitError(
      'EXAMPLE_FAILED',
      `README.md in ${folder} has no block ${block} that opens with \`\`\`ts`,
    )
  }
  // From stdin, a module's imports resolve from the working folder: the package's own name works.
  const child = spawn(
    process.execPath,
    [
      '--conditions=@code/source',
      '--disable-warning=ExperimentalWarning',
      '--input-type=module-typescript',
      '-',
    ],
    {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: 'pipe',
      signal: AbortSignal.timeout(timeoutMs),
      killSignal: 'SIGKILL',
    },
  )
  // An example that ends before reading all of its source is judged by its exit code alone.
  child.stdin.on('error', () => {})
  child.stdin.end(example)
  const [stdout, stderr, cause] = await Promise.all([text(child.stdout), text(child.stderr), failure(child)])
  if (cause !== undefined) {
    const message = `the example in README.md of ${folder} failed: ${cause}\n${stdout}${stderr}`
    throw new TestkitError('EXAMPLE_FAILED', message)
  }
  return { stdout, stderr }
}

function typeScriptBlock(markdown: string, block: number): string | undefined {
  return [...markdown.matchAll(/^```ts\b[^\n]*\n(.*?)^```$/gms)][block - 1]?.[1]
}

function asFolder(url: URL): URL {
  return url.pathname.endsWith('/') ? url : new URL(`${url.href}/`)
}

async function failure(child: ReturnType<typeof spawn>): Promise<string | undefined> {
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (code === 0) return undefined
    return signal === null ? `exit code ${code}` : `ended by ${signal}`
  } catch (error) {
    if ((error as Error).name === 'AbortError') return `not done after ${timeoutMs} ms`
    throw error
  }
}
