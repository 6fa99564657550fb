import { lazy } from './lazy.ts'
import { wait, type WaitOptions } from './wait.ts'

/** A module that a bundler can see and split off. */
export interface LazyModule<T extends object> {
  /** Loads it, once however many callers; a failure is not kept. Rejects with the error of the import. */
  load(options?: WaitOptions): Promise<T>
  /** The module, once it has been loaded. */
  readonly loaded: T | undefined
}

/**
 * Loads a module at the first `load()`: `const pdf = lazyModule(() => import(…))`. For code that is
 * bundled, and for packages that only `import` may load: the import stands in your own file.
 */
export function lazyModule<T extends object>(load: () => Promise<T>): LazyModule<T> {
  if (typeof load !== 'function') throw new TypeError(`load must be a function, got ${String(load)}`)
  let loaded: T | undefined
  const module = lazy(async () => (loaded = await load()))
  return {
    load: (options = {}) => wait(module, options),
    get loaded() {
      return loaded
    },
  }
}
