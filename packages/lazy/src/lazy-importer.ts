import { createRequire, enableCompileCache, getCompileCacheDir } from 'node:module'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { checkOptions } from './check.ts'
import { whenIdle } from './idle.ts'
import { ModuleLoader, type ModuleLoad } from './module-loader.ts'
import { moduleProxy, type ModuleKind } from './module-proxy.ts'
import { wait, type WaitOptions } from './wait.ts'

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

/** A compiler that knows of a function or class asks for its kind. */
type ImportArguments<T extends object> = T extends Callable
  ? [options: { readonly kind: 'function' }]
  : [options?: ImportOptions<T>]

type Callable = ((...args: never) => unknown) | (abstract new (...args: never) => unknown)

const defaults = { compileCache: false, kind: 'object' } as const

/** Loads modules for one file, each when it is first used: what a process does not use costs it nothing. */
export class LazyImporter {
  readonly #from: string
  readonly #require: NodeJS.Require
  readonly #loaders = new Map<string, ModuleLoader>()
  readonly #behind = new WeakMap<object, ModuleLoader>()
  readonly #loads: ModuleLoad[] = []

  /**
   * @param from whose imports these are: `import.meta`, or the file's URL or absolute path. Relative specifiers
   * and packages are looked up from there.
   */
  constructor(from: ImportMeta | URL | string, options: LazyImporterOptions = {}) {
    this.#from = pathOf(from)
    this.#require = createRequire(this.#from)
    checkOptions(options)
    const { compileCache = defaults.compileCache } = options
    if (typeof compileCache !== 'boolean' && (typeof compileCache !== 'string' || compileCache === '')) {
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
   * @throws {LazyError} LAZY_TOP_LEVEL_AWAIT when it has to be loaded by `load` before, LAZY_LOADING while it is
   * @throws {LazyError} LAZY_CYCLE when it is touched by what it loads
   * @throws {LazyError} LAZY_WRONG_KIND when it exports something else than `kind` says
   */
  importModule<T extends object>(specifier: string, ...[options = {}]: ImportArguments<T>): T {
    checkOptions(options)
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

  /**
   * The module itself; for modules with top-level await, whose proxies work from then on, those of all importers.
   * Rejects as a first touch throws, with LAZY_CYCLE when it would wait for the module that asks.
   */
  load<T extends object>(specifier: string, options: WaitOptions = {}): Promise<T> {
    const loader = this.#loader(specifier)
    return wait(() => loader.load(), options) as Promise<T>
  }

  /** Whether this importer has loaded it. */
  isLoaded(specifier: string): boolean {
    return this.#loaders.get(nameOf(specifier))?.isLoaded ?? false
  }

  /**
   * Loads modules ahead of their use, one at a time, whenever the event loop has been idle for 50 ms; while it is
   * busy they wait. Keeps no process alive. Rejects, after all were tried, with the first failure. The last
   * argument may be `{ signal }`.
   */
  warmWhenIdle(...specifiers: readonly string[] | readonly [...string[], WaitOptions]): Promise<void> {
    const last = specifiers.at(-1)
    const options = typeof last === 'object' ? last : {}
    const named = (typeof last === 'object' ? specifiers.slice(0, -1) : specifiers) as readonly string[]
    const loaders = named.map((specifier) => this.#loader(specifier))
    return wait((signal) => warm(loaders, signal), options)
  }

  /** What was loaded so far and what it cost, in order. */
  report(): readonly ModuleLoad[] {
    return Object.freeze([...this.#loads])
  }

  #loader(specifier: string): ModuleLoader {
    const name = nameOf(specifier)
    let loader = this.#loaders.get(name)
    if (loader === undefined) {
      loader = new ModuleLoader(name, this.#from, this.#require, (load) => this.#loads.push(load))
      this.#loaders.set(name, loader)
    }
    return loader
  }
}

async function warm(loaders: readonly ModuleLoader[], signal: AbortSignal | undefined): Promise<void> {
  const failures: unknown[] = []
  for (const loader of loaders) {
    if (loader.isLoaded) continue
    await whenIdle(signal)
    await loader.load().catch((failure: unknown) => failures.push(failure))
  }
  if (failures.length > 0) throw failures[0]
}

function nameOf(specifier: string): string {
  if (typeof specifier !== 'string' || specifier === '') {
    throw new TypeError(`specifier must be a string that names a module, got ${inspect(specifier)}`)
  }
  // `require` knows no file URLs.
  return specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier
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
