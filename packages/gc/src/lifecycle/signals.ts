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
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined

  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === undefined) {
      first = { signal, at: performance.now() }
      void begin()
    } else if (signal !== first.signal || performance.now() - first.at > echoMs) {
      process.exit(forceExitCode ?? 128 + constants.signals[signal])
    }
  }
  const begin = async (): Promise<void> => {
    closing++
    const report = await close({ deadlineMs, preStopDelayMs })
    closing--
    if (!report.closed) failed = true
    try {
      onReport?.(report)
    } catch (error) {
      failed = true
      // Node reports it as an uncaught exception, which may but need not end the process.
      if (exit) setImmediate(leave)
      throw error
    }
    if (exit) leave()
  }

  for (const signal of new Set(signals)) process.on(signal, onSignal)
  return () => {
    for (const signal of new Set(signals)) process.off(signal, onSignal)
  }
}

/** What pnpm and others pass on of a Ctrl-C reaches a process that had it from the terminal already. */
const echoMs = 100

// Of several lifecycles that closed on one signal, the last to end exits.
let closing = 0
let failed = false

function leave(): void {
  if (closing === 0) process.exit(failed ? 1 : undefined)
}
