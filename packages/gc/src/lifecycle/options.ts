import { constants } from 'node:os'
import type { ShutdownReport } from './report.ts'

/**
 * When something is closed: `servers` together and before all else, then one thing after another. What is
 * given no phase is closed among the `resources`, a server of Node.js among the `servers`, a managed class
 * with the `work`.
 */
export type ShutdownPhase = 'servers' | 'work' | 'resources' | 'telemetry'

export const phases: readonly ShutdownPhase[] = ['servers', 'work', 'resources', 'telemetry']

/** How a process ends in order. */
export interface LifecycleOptions {
  /** The name among the instruments. @default 'lifecycle-1', 'lifecycle-2', … */
  readonly name?: string | undefined
  /** How long one step may take, in milliseconds, from 1. @default 5_000 */
  readonly stepDeadlineMs?: number | undefined
  /** Hears that a shutdown began, before anything is closed. Whatever it returns is waited for. */
  readonly onReadinessOff?: (() => unknown) | undefined
  /** Notes the making line of every n-th managed instance, which takes a call stack; 0: of none. @default 1 */
  readonly sitesEvery?: number | undefined
}

/** How one resource is closed. */
export interface AddOptions {
  /** The name in reports. @default its own `name`, or that of its class */
  readonly name?: string | undefined
  /** @default what it is: see `ShutdownPhase` */
  readonly phase?: ShutdownPhase | undefined
  /** What it is built upon, hence closed before: resources, or names of resources, added earlier. @default [] */
  readonly after?: readonly unknown[] | undefined
  /** How long its closing may take, in milliseconds, from 1. @default the `stepDeadlineMs` of the manager */
  readonly deadlineMs?: number | undefined
}

/** Options of a resource that has a closing verb of its own: `(pool) => pool.end()`. */
export interface AddWithCloseOptions<T> extends AddOptions {
  readonly close: (resource: T, options: { readonly deadlineMs: number }) => unknown
}

/** Options of a shutdown. */
export interface ShutdownOptions {
  /** When it ends in any case, in milliseconds, from 1. A second call may bring that forward. @default 10_000 */
  readonly deadlineMs?: number | undefined
  /**
   * How long to go on serving once readiness is off, so that load balancers notice, in milliseconds, from 0.
   * A part of `deadlineMs`, and less. @default 0
   */
  readonly preStopDelayMs?: number | undefined
}

/** What a signal does. */
export interface SignalOptions extends ShutdownOptions {
  /** @default ['SIGTERM', 'SIGINT'] */
  readonly signals?: readonly NodeJS.Signals[] | undefined
  /** Whether to exit after the shutdown: 0 when all went well, else 1. @default true */
  readonly exit?: boolean | undefined
  /** The exit code when a second signal ends the process at once. @default 128 plus the signal's number */
  readonly forceExitCode?: number | undefined
  /** Gets the report before the process exits. Synchronous: nothing it begins is waited for. */
  readonly onReport?: ((report: ShutdownReport) => void) | undefined
}

const defaults = {
  stepDeadlineMs: 5_000,
  sitesEvery: 1,
  deadlineMs: 10_000,
  preStopDelayMs: 0,
  signals: ['SIGTERM', 'SIGINT'],
  exit: true,
} as const

export interface CheckedLifecycleOptions {
  readonly stepDeadlineMs: number
  readonly sitesEvery: number
  readonly onReadinessOff: LifecycleOptions['onReadinessOff']
}

export function checkLifecycleOptions(options: LifecycleOptions): CheckedLifecycleOptions {
  const {
    stepDeadlineMs = defaults.stepDeadlineMs,
    sitesEvery = defaults.sitesEvery,
    onReadinessOff,
  } = options
  checkName(options.name)
  checkMs('stepDeadlineMs', stepDeadlineMs)
  if (!Number.isSafeInteger(sitesEvery) || sitesEvery < 0) {
    throw new RangeError(`sitesEvery must be an integer from 0, got ${describe(sitesEvery)}`)
  }
  checkFunction('onReadinessOff', onReadinessOff)
  return { stepDeadlineMs, sitesEvery, onReadinessOff }
}

export function checkAddOptions(options: AddOptions & { readonly close?: unknown }): void {
  const { name, phase, after, deadlineMs, close } = options
  checkName(name)
  if (phase !== undefined && !phases.includes(phase)) {
    throw new TypeError(`phase must be one of ${phases.join(', ')}, got ${describe(phase)}`)
  }
  if (after !== undefined && !Array.isArray(after)) {
    throw new TypeError(`after must be an array of resources or names, got ${describe(after)}`)
  }
  if (deadlineMs !== undefined) checkMs('deadlineMs', deadlineMs)
  checkFunction('close', close)
}

export function checkShutdownOptions(options: ShutdownOptions): {
  deadlineMs: number
  preStopDelayMs: number
} {
  const { deadlineMs = defaults.deadlineMs, preStopDelayMs = defaults.preStopDelayMs } = options
  checkMs('deadlineMs', deadlineMs)
  if (typeof preStopDelayMs !== 'number' || !(preStopDelayMs >= 0 && preStopDelayMs < deadlineMs)) {
    throw new RangeError(
      `preStopDelayMs must be milliseconds from 0, less than deadlineMs (${deadlineMs}), got ${describe(preStopDelayMs)}`,
    )
  }
  return { deadlineMs, preStopDelayMs }
}

export interface CheckedSignalOptions {
  readonly signals: readonly NodeJS.Signals[]
  readonly exit: boolean
}

export function checkSignalOptions(options: SignalOptions): CheckedSignalOptions {
  const { signals = defaults.signals, exit = defaults.exit, forceExitCode, onReport } = options
  checkShutdownOptions(options)
  for (const signal of signals) {
    if (!(signal in constants.signals) || signal === 'SIGKILL' || signal === 'SIGSTOP') {
      throw new TypeError(
        `signals must be names of signals that a process can handle, got ${describe(signal)}`,
      )
    }
  }
  if (typeof exit !== 'boolean') throw new TypeError(`exit must be a boolean, got ${describe(exit)}`)
  if (
    forceExitCode !== undefined &&
    !(Number.isInteger(forceExitCode) && forceExitCode >= 0 && forceExitCode < 256)
  ) {
    throw new RangeError(`forceExitCode must be an integer from 0 to 255, got ${describe(forceExitCode)}`)
  }
  checkFunction('onReport', onReport)
  return { signals, exit }
}

export function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value !== 'object' || value === null) return String(value)
  return `an object of ${(value.constructor as { name?: string } | undefined)?.name ?? 'no class'}`
}

function checkName(name: unknown): void {
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError(`name must be a string that is not empty, got ${describe(name)}`)
  }
}

function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${name} must be a function, got ${describe(value)}`)
  }
}

/** Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once. */
function checkMs(name: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 1 && value < 2 ** 31)) {
    throw new RangeError(`${name} must be milliseconds from 1 to 2147483647, got ${describe(value)}`)
  }
}
