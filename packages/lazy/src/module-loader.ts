import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { LazyError, type LazyErrorCode } from './errors.ts'
import { loadChannel } from './telemetry.ts'

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

/** What is being loaded right now by `require`, outermost first. Shared by all importers: cycles cross them. */
const underway: { readonly specifier: string; readonly file: string }[] = []

/** One module as one importer knows it: loaded once, a failure forgotten. */
export class ModuleLoader {
  readonly specifier: string
  readonly #from: string
  readonly #require: NodeJS.Require
  readonly #onLoad: (load: ModuleLoad) => void
  #module: object | undefined
  #importing: Promise<object> | undefined

  constructor(specifier: string, from: string, onLoad: (load: ModuleLoad) => void) {
    this.specifier = specifier
    this.#from = from
    this.#require = createRequire(from)
    this.#onLoad = onLoad
  }

  get isLoaded(): boolean {
    return this.#module !== undefined
  }

  /** The module, loaded by `require`, which takes ES modules too. */
  loadSync(): object {
    if (this.#module !== undefined) return this.#module
    const file = this.#resolve()
    if (underway.some((other) => other.file === file)) throw this.#cycle()
    const keep = this.#measure()
    const module = this.#requireAs(file)
    // Somebody else is loading it: these exports are not all there yet, or will be replaced.
    if (this.#require.cache[file]?.loaded === false) throw this.#cycle()
    return keep(module)
  }

  /** The same module, and one with top-level await, which `require` refuses before it runs any of it. */
  async load(): Promise<object> {
    if (this.#importing !== undefined) return this.#importing
    try {
      return this.loadSync()
    } catch (error) {
      if (!(error instanceof LazyError) || error.code !== 'LAZY_TOP_LEVEL_AWAIT') throw error
    }
    try {
      return await (this.#importing = this.#import())
    } finally {
      this.#importing = undefined
    }
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
    underway.push({ specifier: this.specifier, file })
    try {
      return this.#require(this.specifier)
    } catch (cause) {
      throw this.#failure(cause)
    } finally {
      underway.pop()
    }
  }

  /** By the file that `require` found: for `import` a package may hold another, a second instance. */
  async #import(): Promise<object> {
    const { href } = pathToFileURL(this.#resolve())
    const keep = this.#measure()
    try {
      return keep(await import(href))
    } catch (cause) {
      throw this.#loadFailed('LAZY_LOAD_FAILED', cause)
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

  #failure(cause: unknown): LazyError {
    switch (codeOf(cause)) {
      case 'ERR_REQUIRE_ASYNC_MODULE': {
        const problem = 'has top-level await, or needs a module that has: use load() before it is touched'
        return this.error('LAZY_TOP_LEVEL_AWAIT', problem, cause)
      }
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

  #cycle(): LazyError {
    const chain = [...underway.map(({ specifier }) => specifier), this.specifier].join(' → ')
    return this.error('LAZY_CYCLE', `was touched while it was being loaded: ${chain}`)
  }
}

function codeOf(cause: unknown): unknown {
  return (cause as { code?: unknown } | null | undefined)?.code
}

function messageOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.split('\n', 1)[0]!
}
