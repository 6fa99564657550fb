const clock = { nowMs: 0, wasRead: false }
let timer: NodeJS.Timeout | undefined

/**
 * Whole monotonic milliseconds, at most 20 ms old unless the event loop was blocked: a small integer in a field,
 * since reading an exact clock would cost more than the rest of a loan. The timer behind it never keeps the process
 * alive and stops when nobody reads.
 */
export function coarseNow(): number {
  if (!clock.wasRead) wake()
  return clock.nowMs
}

function wake(): void {
  if (timer === undefined) {
    update()
    timer = setInterval(tick, 20).unref()
  }
  clock.wasRead = true
}

function tick(): void {
  update()
  if (!clock.wasRead) {
    clearInterval(timer)
    timer = undefined
  }
  clock.wasRead = false
}

function update(): void {
  clock.nowMs = Math.trunc(performance.now())
}
