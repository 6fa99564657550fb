import { constants } from 'node:os'
import { checkSignalOptions, type ShutdownOptions, type SignalOptions } from './options.ts'
import type { ShutdownReport } from './report.ts'

/**
 * Closes on a signal, then exits; a second signal exits at once. Returns what takes the listeners away again.
 */
export function handleSignals(
  options: SignalOptions,
  close: (options: ShutdownOptions) => Promise<ShutdownReport>,
): () => void {
  const { signals, exit } = checkSignalOptions(options)
  const { deadlineMs, preStopDelayMs, forceExitCode, onReport } = options
  let first: NodeJS.Signals | undefined
  let begunAt = Infinity

  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === undefined) {
      first = signal
      void begin()
      begunAt = performance.now()
    } else if (signal !== first || performance.now() - begunAt > echoMs) {
      process.exit(forceExitCode ?? 128 + constants.signals[signal])
    }
  }
  const begin = async (): Promise<void> => {
    underWay++
    exits ||= exit
    const report = await close({ deadlineMs, preStopDelayMs })
    underWay--
    failed ||= !report.closed
    try {
      onReport?.(report)
    } catch (error) {
      failed = true
      // An uncaught exception, which may but need not end the process.
      setImmediate(exitIfLast)
      throw error
    }
    exitIfLast()
  }

  for (const signal of new Set(signals)) process.on(signal, onSignal)
  return () => {
    for (const signal of new Set(signals)) process.off(signal, onSignal)
  }
}

/** npm and pnpm pass a Ctrl-C on to processes that had it from the terminal already (npm/cli#5021, pnpm#7374). */
const echoMs = 100

// Of several lifecycles that close at one time, the last to end exits, if a signal asked for it.
let underWay = 0
let exits = false
let failed = false

/** Puts the exit off until this shutdown has ended too, which the returned function tells. */
export function holdExit(): (report: ShutdownReport) => void {
  underWay++
  return ({ closed }) => {
    underWay--
    if (!exits) return
    failed ||= !closed
    // Whoever asked for the shutdown hears of its end first.
    setImmediate(exitIfLast)
  }
}

function exitIfLast(): void {
  if (exits && underWay === 0) process.exit(failed ? 1 : undefined)
}
