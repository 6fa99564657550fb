import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres, superviseProcess, type PostgresServer, type SupervisedProcess } from '@code/testkit'
import type { ImportReport } from './import-places.ts'
import type { Usage } from './server.ts'
import type { Variant } from './service.ts'

/** What the example needs to run: a private Postgres with the data in it, and the atlas. */
export interface Stack extends AsyncDisposable {
  readonly database: PostgresServer
  readonly imported: ImportReport & { readonly peakRssBytes: number }
  /** Starts one variant of the service as a process of its own. */
  serve(options: ServeOptions): Promise<ServiceProcess>
}

export interface ServeOptions {
  readonly variant: Variant
  /** @default true */
  readonly cache?: boolean | undefined
  /** @default a free one */
  readonly port?: number | undefined
}

export interface ServiceProcess extends AsyncDisposable {
  readonly origin: string
  readonly monitoringUrl?: string | undefined
  readonly exited: Promise<unknown>
  /** The last lines it printed, for error messages. */
  output(): string
  usage(): Promise<Usage>
}

/** Starts everything. Nothing of it outlives this process, however it ends. */
export async function startStack(onStep: (step: string) => void = () => {}): Promise<Stack> {
  const parts = new AsyncDisposableStack()
  try {
    onStep('starting Postgres')
    const database = parts.use(await startPostgres({ maxConnections: 200 }))
    onStep('starting the atlas')
    const atlas = parts.use(await run('atlas', [], {}))
    onStep('importing 171,075 cities')
    const imported = await importAll(database.url, onStep)
    onStep(`imported ${imported.rows.toLocaleString('en')} cities`)
    const env = { DATABASE_URL: database.url, ATLAS_URL: originOf(atlas) }
    const ownership = parts.move()
    return {
      database,
      imported,
      serve: (options) => serve(options, env),
      [Symbol.asyncDispose]: () => ownership.disposeAsync(),
    }
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

async function importAll(databaseUrl: string, onStep: (step: string) => void): Promise<Stack['imported']> {
  let report: Stack['imported'] | undefined
  const process = await run('import', [], { DATABASE_URL: databaseUrl }, (line) => {
    if (line.startsWith('progress ')) onStep(`  ${Number(line.slice(9)).toLocaleString('en')} rows`)
    if (line.startsWith('done ')) report = JSON.parse(line.slice(5)) as Stack['imported']
  })
  await process.exited
  if (report === undefined) throw new Error(`the import failed\n${process.output()}`)
  return report
}

async function serve(options: ServeOptions, env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
  const { variant, cache = true, port = 0 } = options
  const args = ['--variant', variant, '--port', String(port), ...(cache ? [] : ['--no-cache'])]
  const process = await run('serve', args, env)
  const origin = originOf(process)
  return {
    origin,
    monitoringUrl: ready(process).monitoringUrl,
    exited: process.exited,
    output: () => process.output(),
    usage: async () => (await (await fetch(`${origin}/usage`)).json()) as Usage,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}

/** From sources to sources: a test needs no build, and what is built runs built packages. */
const nodeOptions = import.meta.url.endsWith('.ts') ? ['--conditions=@code/source'] : []

/** One program of this folder under a watchdog; a service says `ready {…}` when it listens. */
function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine?: (line: string) => void,
): Promise<SupervisedProcess> {
  return superviseProcess({
    command: process.execPath,
    args: [
      ...nodeOptions,
      fileURLToPath(new URL(program + extname(import.meta.url), import.meta.url)),
      ...args,
    ],
    env,
    onLine,
    ...(onLine === undefined && { ready: (line: string) => line.startsWith('ready ') }),
  })
}

function ready(process: SupervisedProcess): { origin: string; monitoringUrl?: string } {
  const line = process
    .output()
    .split('\n')
    .find((each) => each.startsWith('ready '))!
  return JSON.parse(line.slice(6)) as { origin: string; monitoringUrl?: string }
}

function originOf(process: SupervisedProcess): string {
  return ready(process).origin
}
