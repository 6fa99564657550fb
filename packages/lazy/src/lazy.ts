import { isPromise } from 'node:util/types'
import { LazyError } from './errors.ts'

/**
 * Makes a value when it is first asked for, and only once: `const db = lazy(() => connect())`, then `db()`.
 * A failure is not kept, whether thrown or a rejection: the next call makes the value anew. Of a promise, callers
 * share one that settles as it does.
 *
 * @throws {LazyError} LAZY_CYCLE when `make` asks for the value it is making. (After an `await`, it would
 * wait for itself instead.)
 */
export function lazy<T>(make: () => T): () => T {
  if (typeof make !== 'function') throw new TypeError(`make must be a function, got ${String(make)}`)
  let made: { readonly value: T } | undefined
  let making = false

  return () => (made === undefined ? makeNow() : made.value)

  function makeNow(): T {
    if (making) {
      const message = `lazy value${make.name && ` of ${make.name}`}: asked for while it was being made`
      throw new LazyError('LAZY_CYCLE', message)
    }
    making = true
    try {
      const value = make()
      // Promises only: to call `then` of a query builder would send its query.
      made = { value: isPromise(value) ? (forgotten(value) as T) : value }
      return made.value
    } finally {
      making = false
    }
  }

  /** Callers get this promise, so that a rejection for which nobody waits is told as any other. */
  function forgotten(value: Promise<unknown>): Promise<unknown> {
    return value.catch((failure: unknown) => {
      made = undefined
      throw failure
    })
  }
}
