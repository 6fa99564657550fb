import { pathToFileURL } from 'node:url'
import { LazyError, type LazyErrorCode } from './errors.ts'
import { loadChannel } from './telemetry.ts'
import { awaited, imported, importsHeldBy, isImporting, required, type Underway } from './underway.ts'

/** What loading a module cost, including what it loaded in turn. */
export interface ModuleLoad {
  readonly specifier: string
  /** How long it took, in milliseconds. */
  readonly ms: number
  /** What the resident memory of the process grew by meanwhile, in bytes; negative when it shrank. */
  readonly rssDeltaBytes: number
  /** When it was there, in milliseconds since the process started. */
  readonly loadedAt: number
}

/** What `import` may load nevertheless. */
const importable: ReadonlySet<LazyErrorCode> = new Set<LazyErrorCode>([
  'LAZY_LOADING',
  'LAZY_TOP_LEVEL_AWAIT',
])

/** One module as one importer knows it: loaded once, a failure forgotten. */
export class ModuleLoader {
  readonly specifier: string
  readonly #from: string
  readonly #require: NodeJS.Require
  readonly #onLoad: (load: ModuleLoad) => void
  #module: object | undefined
  #importing: Promise<object> | undefined

  constructor(specifier: string, from: string, require: NodeJS.Require, onLoad: (load: ModuleLoad) => void) {
    this.specifier = specifier
    this.#from = from
    this.#require = require
    this.#onLoad = onLoad
  }

  get isLoaded(): boolean {
    return this.#module !== undefined
  }

  /** The module, loaded by `require`, which takes ES modules too. */
  loadSync(): object {
    if (this.#module !== undefined) return this.#module
    const file = this.#resolve()
    if (required.some((load) => load.file === file)) throw this.#cycle(required)
    const keep = this.#measure()
    const module = awaited.get(file) ?? this.#requireAs(file)
    // Somebody else is loading it: these exports are not all there yet, or will be replaced.
    if (this.#require.cache[file]?.loaded === false) throw this.#cycle(required)
    return keep(module)
  }

  /** The same module, and what `require` refuses before it runs any of it. */
  async load(): Promise<object> {
    if (this.#importing !== undefined) return this.#importing
    try {
      return this.loadSync()
    } catch (error) {
      if (!(error instanceof LazyError) || !importable.has(error.code)) throw error
    }
    return (this.#importing = this.#import())
  }

  /** An error about this module: which, from where, and what was wrong. */
  error(code: LazyErrorCode, problem: string, cause?: unknown): LazyError {
    const message = `'${this.specifier}' from ${this.#from} ${problem}`
    return new LazyError(code, message, cause === undefined ? undefined : { cause })
  }

  #resolve(): string {
    try {
      return this.#require.resolve(this.specifier)
    } catch (cause) {
      const hint =
        codeOf(cause) === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
          ? ` (if it is for import only, use lazyModule(() => import(…)))`
          : ''
      throw this.error('LAZY_NOT_FOUND', `was not found${hint}: ${messageOf(cause)}`, cause)
    }
  }

  #requireAs(file: string): unknown {
    required.push(this.#underway(file))
    try {
      return this.#require(this.specifier)
    } catch (cause) {
      throw this.#failure(cause, file)
    } finally {
      required.pop()
    }
  }

  /** By the file that `require` found: for `import` a package may hold another, a second instance. */
  async #import(): Promise<object> {
    const file = this.#resolve()
    const load = this.#underway(file)
    const keep = this.#measure()
    imported.add(load)
    try {
      return keep(this.#imported(file, (await import(pathToFileURL(file).href)) as object))
    } catch (cause) {
      throw this.#loadFailed('LAZY_LOAD_FAILED', cause)
    } finally {
      imported.delete(load)
      this.#importing = undefined
    }
  }

  /** Now that it is there, `require` gives it, in its own view; only what has top-level await it refuses for ever. */
  #imported(file: string, namespace: object): unknown {
    try {
      return this.#require(file)
    } catch (cause) {
      if (codeOf(cause) !== 'ERR_REQUIRE_ASYNC_MODULE') throw cause
      awaited.set(file, namespace)
      return namespace
    }
  }

  /** Begins to measure; what it returns keeps the module that came and tells what it cost. */
  #measure(): (module: unknown) => object {
    const begun = performance.now()
    const rssBytes = process.memoryUsage.rss()
    return (module) => {
      if ((typeof module !== 'object' && typeof module !== 'function') || module === null) {
        throw this.error('LAZY_WRONG_KIND', `exports ${String(module)}, which is no object: use require`)
      }
      this.#module = module
      const { specifier } = this
      const loadedAt = performance.now()
      const ms = loadedAt - begun
      const rssDeltaBytes = process.memoryUsage.rss() - rssBytes
      this.#onLoad(Object.freeze({ specifier, ms, rssDeltaBytes, loadedAt }))
      if (loadChannel.hasSubscribers) loadChannel.publish({ specifier, ms, rssDeltaBytes })
      return module
    }
  }

  #failure(cause: unknown, file: string): LazyError {
    switch (codeOf(cause)) {
      case 'ERR_REQUIRE_ASYNC_MODULE': {
        const refused = refusedFile(cause)
        if (refused !== undefined && refused !== file) {
          const problem = `could not be loaded, nor by import: CommonJS requires ${refused}, which has or needs top-level await`
          return this.error('LAZY_LOAD_FAILED', problem, cause)
        }
        if (isImporting(file)) return this.#loading(file, cause)
        const problem = 'has top-level await, or needs a module that has: use load() before it is touched'
        return this.error('LAZY_TOP_LEVEL_AWAIT', problem, cause)
      }
      case 'ERR_REQUIRE_ESM_RACE_CONDITION':
        return this.#loading(file, cause)
      case 'LAZY_CYCLE':
      case 'ERR_REQUIRE_CYCLE_MODULE':
        return this.#loadFailed('LAZY_CYCLE', cause)
      default:
        return this.#loadFailed('LAZY_LOAD_FAILED', cause)
    }
  }

  #loadFailed(code: LazyErrorCode, cause: unknown): LazyError {
    return this.error(code, `could not be loaded: ${messageOf(cause)}`, cause)
  }

  /** Node.js says the same of an import that is underway and of one that failed. */
  #loading(file: string, cause: unknown): LazyError {
    const held = importsHeldBy(this.#from, file)
    if (held.length > 0) return this.#cycle(held)
    const problem = 'is being loaded by an import, or that failed: `await` load(), which waits or says why'
    return this.error('LAZY_LOADING', problem, cause)
  }

  #underway(file: string): Underway {
    return { specifier: this.specifier, from: this.#from, file }
  }

  #cycle(loads: readonly Underway[]): LazyError {
    const chain = [...loads.map(({ specifier }) => specifier), this.specifier].join(' → ')
    return this.error('LAZY_CYCLE', `was touched while it was being loaded: ${chain}`)
  }
}

/** The module in which Node.js found the top-level await, or the first that needs it; only the message has it. */
function refusedFile(cause: unknown): string | undefined {
  return /(?:Required module:|Requiring) (.+?)\s*$/m.exec((cause as Error).message)?.[1]
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown } | null | undefined)?.code
}

function messageOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.split('\n', 1)[0]!
}
