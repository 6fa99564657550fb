/**
 * Waits for a promise no longer than its limits. What it settles to later is dropped, also a rejection. The
 * timer never keeps the process alive: whoever waits for the outcome has one of its own that does.
 */
export function within<R>(
  promise: Promise<R>,
  limits: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<R> {
  const { timeoutMs, signal } = limits
  if (signal?.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const onAbort = (): void => {
      stop()
      reject(signal?.reason)
    }
    const onTimeout = (): void => {
      stop()
      reject(new Error(`not settled within ${timeoutMs} ms`))
    }
    const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs).unref()
    signal?.addEventListener('abort', onAbort)
    Promise.resolve(promise).then(resolve, reject).finally(stop)
  })
}
