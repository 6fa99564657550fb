import type { EventLoopUtilization } from 'node:perf_hooks'

const windowMs = 50
const mostBusy = 0.1

const waiting: (() => void)[] = []
let watched = false

/**
 * Resolves after 50 ms in which the event loop was free for nine tenths of the time. One caller a window, so
 * that what they do is seen before the next one is let go. Keeps no process alive.
 */
export function whenIdle(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    if (!watched) watch()
  })
}

function watch(): void {
  watched = true
  setTimeout(judge, windowMs, performance.eventLoopUtilization()).unref()
}

function judge(before: EventLoopUtilization): void {
  watched = false
  if (performance.eventLoopUtilization(before).utilization <= mostBusy) waiting.shift()?.()
  if (waiting.length > 0) watch()
}
