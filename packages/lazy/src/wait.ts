import { inspect } from 'node:util'
import { checkOptions } from './check.ts'

/** How long a caller waits for a module. */
export interface WaitOptions {
  /** Ends the wait, not the load, which others may wait for too: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What `begin` comes to, unless the signal aborts sooner: before it began, it does not begin. */
export function wait<T>(begin: (signal?: AbortSignal) => Promise<T>, options: WaitOptions): Promise<T> {
  checkOptions(options)
  const { signal } = options
  if (signal === undefined) return begin()
  if (typeof signal?.addEventListener !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, got ${inspect(signal)}`)
  }
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    const listenNoMore = (): void => signal.removeEventListener('abort', stop)
    begin(signal).finally(listenNoMore).then(resolve, reject)
  })
}
