const readsPerSample = 256

let nowMs = 0
let readsLeft = 0
let timer: NodeJS.Timeout | undefined

/**
 * Monotonic milliseconds for expiry, sampled anew after a millisecond or 256 reads, whichever comes first:
 * a clock call costs as much as a cache hit. The timer never keeps the process alive and runs only while
 * somebody asks.
 */
export function sampledNow(): number {
  if (--readsLeft > 0) return nowMs
  nowMs = performance.now()
  readsLeft = readsPerSample
  if (timer === undefined) timer = setTimeout(expire, 1).unref()
  return nowMs
}

function expire(): void {
  timer = undefined
  readsLeft = 0
}
