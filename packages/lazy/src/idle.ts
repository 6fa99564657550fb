import type { EventLoopUtilization } from 'node:perf_hooks'

const windowMs = 50
const mostBusy = 0.1

let waiting: { readonly go: () => void; readonly signal: AbortSignal | undefined }[] = []
let watched = false

/**
 * Resolves after 50 ms in which the event loop was free for nine tenths of the time. One caller a window, so
 * that what they do is seen before the next one is let go. One whose signal aborts is never let go. Keeps no
 * process alive.
 */
export function whenIdle(signal?: AbortSignal): Promise<void> {
  return new Promise((go) => {
    waiting.push({ go, signal })
    if (!watched) watch()
  })
}

function watch(): void {
  watched = true
  setTimeout(judge, windowMs, performance.eventLoopUtilization()).unref()
}

function judge(before: EventLoopUtilization): void {
  watched = false
  waiting = waiting.filter(({ signal }) => signal?.aborted !== true)
  if (performance.eventLoopUtilization(before).utilization <= mostBusy) waiting.shift()?.go()
  if (waiting.length > 0) watch()
}
