import { expect, test, vi } from 'vitest'
import { Ticker } from '../../../src/postgres/multiplexer/ticker.ts'

test('it beats every millisecond, and stops some beats after there is nothing to watch', () => {
  vi.useFakeTimers()
  try {
    let busy = true
    const sweeps: boolean[] = []
    const ticker = new Ticker((_now, sweep) => {
      sweeps.push(sweep)
      return busy
    })
    ticker.start()
    vi.advanceTimersByTime(100)
    expect(sweeps).toHaveLength(100)
    expect(sweeps.filter(Boolean)).toHaveLength(6)
    busy = false
    vi.advanceTimersByTime(100)
    expect(sweeps).toHaveLength(121)
    expect(vi.getTimerCount()).toBe(0)
    ticker.start()
    ticker.start()
    expect(vi.getTimerCount()).toBe(1)
    ticker.stop()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
