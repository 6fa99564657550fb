import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { whenIdle } from './idle.ts'
import { ModuleLoader, type ModuleLoad } from './module-loader.ts'
import { moduleProxy, type ModuleKind } from './module-proxy.ts'

/** What an importer does besides loading. */
export interface LazyImporterOptions {
  /**
   * Lets the whole process keep compiled code on disk for its next start (`module.enableCompileCache`): in this
   * folder, or for `true` where Node.js keeps it. @default false
   */
  readonly compileCache?: boolean | string | undefined
}

/** How a module is to be taken. */
export interface ImportOptions<T extends object = object> {
  /** What `typeof` says of it. Must be what the module exports. @default 'object' */
  readonly kind?: (T extends Callable ? 'function' : ModuleKind) | undefined
}

type Callable = ((...args: never) => unknown) | (abstract new (...args: never) => unknown)

const defaults = { compileCache: false, kind: 'object' } as const

/** Loads modules for one file, each when it is first used: what a process does not use costs it nothing. */
export class LazyImporter {
  readonly #from: string
  readonly #loaders = new Map<string, ModuleLoader>()
  readonly #behind = new WeakMap<object, ModuleLoader>()
  readonly #loads: ModuleLoad[] = []

  /**
   * @param from whose imports these are: `import.meta`, or the file's URL or absolute path. Relative specifiers
   * and packages are looked up from there.
   */
  constructor(from: ImportMeta | URL | string, options: LazyImporterOptions = {}) {
    this.#from = pathOf(from)
    const { compileCache = defaults.compileCache } = options
    if (typeof compileCache !== 'boolean' && typeof compileCache !== 'string') {
      throw new TypeError(`compileCache must be a boolean or a folder, got ${inspect(compileCache)}`)
    }
    if (compileCache !== false) enableCompileCache(compileCache === true ? undefined : compileCache)
  }

  /** Where this process keeps compiled code, if it could be done at all. */
  get compileCacheFolder(): string | undefined {
    return getCompileCacheDir()
  }

  /**
   * Stands for a module until it is used: any operation on it loads the module, by `require` with its conditions,
   * and is then done to that. Only a look at `then`, as by `await`, and `console.log` don't load it.
   *
   * What a first touch throws, it throws to whoever touches, and the next touch tries again:
   * @throws {LazyError} LAZY_NOT_FOUND, LAZY_LOAD_FAILED
   * @throws {LazyError} LAZY_TOP_LEVEL_AWAIT when it has to be loaded by `load` before
   * @throws {LazyError} LAZY_CYCLE when it is touched by what it loads
   * @throws {LazyError} LAZY_WRONG_KIND when it exports something else than `kind` says
   */
  importModule<T extends object>(specifier: string, options: ImportOptions<T> = {}): T {
    const kind: ModuleKind = options.kind ?? defaults.kind
    if (kind !== 'object' && kind !== 'function') {
      throw new TypeError(`kind must be 'object' or 'function', got ${inspect(kind)}`)
    }
    const loader = this.#loader(specifier)
    const proxy = moduleProxy(loader, kind)
    this.#behind.set(proxy, loader)
    return proxy as T
  }

  /**
   * The module itself behind what `importModule` returned, loaded now if it was not. For hot loops, where reading
   * through a proxy would show, and for code that no proxy can deceive. Throws as a first touch does.
   */
  resolved<T extends object>(module: T): T {
    const loader = this.#behind.get(module)
    if (loader === undefined) {
      throw new TypeError(`module must come from importModule of this importer, got ${inspect(module)}`)
    }
    return loader.loadSync() as T
  }

  /** The module itself; for modules with top-level await, whose proxies work from then on. */
  load<T extends object>(specifier: string): Promise<T> {
    return this.#loader(specifier).load() as Promise<T>
  }

  /** Whether this importer has loaded it. */
  isLoaded(specifier: string): boolean {
    return this.#loader(specifier).isLoaded
  }

  /**
   * Loads modules ahead of their use, one at a time, whenever the event loop has been idle for 50 ms; while it is
   * busy they wait. Keeps no process alive. Rejects, after all were tried, with the first failure.
   */
  warmWhenIdle(...specifiers: readonly string[]): Promise<void> {
    return warm(specifiers.map((specifier) => this.#loader(specifier)))
  }

  /** What was loaded so far and what it cost, in order. */
  report(): readonly ModuleLoad[] {
    return Object.freeze([...this.#loads])
  }

  #loader(specifier: string): ModuleLoader {
    if (typeof specifier !== 'string' || specifier === '') {
      throw new TypeError(`specifier must be a string that names a module, got ${inspect(specifier)}`)
    }
    // `require` knows no file URLs.
    const name = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier
    let loader = this.#loaders.get(name)
    if (loader === undefined) {
      loader = new ModuleLoader(name, this.#from, (load) => this.#loads.push(load))
      this.#loaders.set(name, loader)
    }
    return loader
  }
}

async function warm(loaders: readonly ModuleLoader[]): Promise<void> {
  const failures: unknown[] = []
  for (const loader of loaders) {
    if (loader.isLoaded) continue
    await whenIdle()
    await loader.load().catch((failure: unknown) => failures.push(failure))
  }
  if (failures.length > 0) throw failures[0]
}

function pathOf(from: ImportMeta | URL | string): string {
  const place = typeof from === 'object' && !(from instanceof URL) ? from?.url : from
  const text = place instanceof URL ? place.href : place
  if (typeof text === 'string') {
    if (text.startsWith('file:')) return fileURLToPath(text)
    if (isAbsolute(text)) return text
  }
  throw new TypeError(`from must be import.meta, a file URL or an absolute path, got ${inspect(from)}`)
}
