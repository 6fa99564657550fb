import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TestkitError } from './errors.ts'

export interface PgBouncerProgram {
  readonly program: string
  /** Those it needs that the system does not have. */
  readonly libraries: string | undefined
}

const cache = fileURLToPath(new URL('../../../.cache/pgbouncer', import.meta.url))

/**
 * Finds a PgBouncer: on PATH, where Debian puts it, in the cache, and last in the distribution's package, which is
 * unpacked into the cache: nothing is installed on the system.
 *
 * @throws {TestkitError} PGBOUNCER_MISSING, with what to install.
 */
export async function findPgBouncer(
  env: NodeJS.ProcessEnv = process.env,
  folder: string = cache,
): Promise<PgBouncerProgram> {
  const places = [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map((place) =>
    join(place, 'pgbouncer'),
  )
  const installed = places.find((program) => existsSync(program))
  if (installed !== undefined) return { program: installed, libraries: undefined }
  if (!existsSync(folder)) await unpackInto(folder, env)
  return { program: join(folder, 'pgbouncer'), libraries: join(folder, 'libraries') }
}

async function unpackInto(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  // Whole or not at all, and whoever is first: another test file may be at it too.
  const draft = await mkdtemp(`${folder}-`)
  const run = (program: string, ...args: string[]): Promise<{ stdout: string }> =>
    promisify(execFile)(program, args, { cwd: draft, env, timeout: 120_000 })
  try {
    const plan = await run('apt-get', 'install', '--simulate', '--no-install-recommends', 'pgbouncer')
    const names = [...plan.stdout.matchAll(/^Inst (pgbouncer|lib\S+) /gm)].map(([, name]) => name!)
    await run('apt-get', 'download', ...names)
    for (const file of await readdir(draft)) await run('dpkg', '-x', file, 'unpacked')
    await mkdir(join(draft, 'program/libraries'), { recursive: true })
    for (const file of await readdir(join(draft, 'unpacked'), { recursive: true })) {
      if (!/\.so\.\d/.test(file)) continue
      await rename(join(draft, 'unpacked', file), join(draft, 'program/libraries', basename(file)))
    }
    await rename(join(draft, 'unpacked/usr/sbin/pgbouncer'), join(draft, 'program/pgbouncer'))
    await rename(join(draft, 'program'), folder).catch(unlessThere(folder))
  } catch (error) {
    throw new TestkitError('PGBOUNCER_MISSING', `${missing} ${(error as Error).message}`, { cause: error })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

const missing = `no PgBouncer. Install it (Debian, Ubuntu: apt-get update && apt-get install -y pgbouncer; \
macOS: brew install pgbouncer). Its package could not be unpacked either:`

function unlessThere(folder: string): (error: unknown) => void {
  return (error) => {
    if (!existsSync(folder)) throw error
  }
}
