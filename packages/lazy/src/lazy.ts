import { isPromise } from 'node:util/types'
import { LazyError } from './errors.ts'

/**
 * Makes a value when it is first asked for, and only once: `const db = lazy(() => connect())`, then `db()`.
 * A failure is not kept, whether thrown or a rejection: the next call makes the value anew.
 *
 * @throws {LazyError} LAZY_CYCLE when `make` asks for the value it is making. (After an `await`, it would
 * wait for itself instead.)
 */
export function lazy<T>(make: () => T): () => T {
  if (typeof make !== 'function') throw new TypeError(`make must be a function, got ${String(make)}`)
  let state: 'empty' | 'making' | 'made' = 'empty'
  let value: T | undefined

  return () => (state === 'made' ? (value as T) : makeNow())

  function makeNow(): T {
    if (state === 'making') {
      const message = `lazy value${make.name && ` of ${make.name}`}: asked for while it was being made`
      throw new LazyError('LAZY_CYCLE', message)
    }
    state = 'making'
    try {
      const made = (value = make())
      state = 'made'
      // Promises only: to call `then` of a query builder would send its query.
      if (isPromise(made)) made.then(undefined, forget)
      return made
    } finally {
      if (state === 'making') state = 'empty'
    }
  }

  function forget(): void {
    state = 'empty'
    value = undefined
  }
}
