import { inspect } from 'node:util'
import { checkFunction, checkMs, checkName } from './check.ts'
import type { HealthCheckResult, HealthReport } from './report.ts'
import { healthChannel, type HealthMessage } from './telemetry.ts'

/**
 * Passes by returning; fails by throwing, by returning false, or by returning what other parts' `health()`
 * answers when they are not well: `isHealthy: false`, or `ok: false`. The signal is aborted when the time is
 * over.
 */
export type HealthCheck = (signal: AbortSignal) => unknown

export interface HealthCheckOptions {
  /** How long one check may take, in milliseconds, from 1. @default 5_000 */
  readonly timeoutMs?: number | undefined
  /** Whether the whole is unhealthy when this check fails. @default true */
  readonly critical?: boolean | undefined
  /** How long a result is given again instead of checking, in milliseconds, from 0. @default 0 */
  readonly cacheMs?: number | undefined
}

const defaults = { timeoutMs: 5_000, critical: true, cacheMs: 0 } as const

/** The health monitor of this process, for whoever has none of their own. */
export function getHealthMonitor(): HealthMonitor {
  return (ofThisProcess ??= new HealthMonitor())
}

let ofThisProcess: HealthMonitor | undefined

/** Asks every part of a service whether it works, all at once, and always gets an answer. */
export class HealthMonitor {
  readonly #checks = new Map<string, RegisteredCheck>()

  /** Adds a check until the returned function is called. A name that is taken is a `TypeError`. */
  register(name: string, check: HealthCheck, options: HealthCheckOptions = {}): () => void {
    checkName('name', name)
    checkFunction('check', check)
    if (this.#checks.has(name)) throw new TypeError(`there is a health check ${name} already`)
    const registered = new RegisteredCheck(name, check, options)
    this.#checks.set(name, registered)
    return () => {
      if (this.#checks.get(name) === registered) this.#checks.delete(name)
    }
  }

  /** Runs all checks side by side. Never rejects, except with the reason of its signal. */
  async checkAll(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<HealthReport> {
    const { signal } = options
    signal?.throwIfAborted()
    const all = Promise.all(Array.from(this.#checks.values(), (check) => check.result()))
    const checks = await (signal === undefined ? all : unlessAborted(all, signal))
    const failed = checks.filter(({ ok }) => !ok)
    const report: HealthReport = Object.freeze({
      isHealthy: failed.every(({ critical }) => !critical),
      checks: Object.freeze(checks),
      failures: Object.freeze(failed.map(({ name, error }) => `${name}: ${error}`)),
    })
    if (healthChannel.hasSubscribers) healthChannel.publish(report satisfies HealthMessage)
    return report
  }
}

class RegisteredCheck {
  readonly #name: string
  readonly #check: HealthCheck
  readonly #timeoutMs: number
  readonly #critical: boolean
  readonly #cacheMs: number
  #running: Promise<HealthCheckResult> | undefined
  #last: { readonly result: HealthCheckResult; readonly at: number } | undefined

  constructor(name: string, check: HealthCheck, options: HealthCheckOptions) {
    this.#name = name
    this.#check = check
    this.#timeoutMs = options.timeoutMs ?? defaults.timeoutMs
    this.#critical = options.critical ?? defaults.critical
    this.#cacheMs = options.cacheMs ?? defaults.cacheMs
    checkMs('timeoutMs', this.#timeoutMs)
    checkMs('cacheMs', this.#cacheMs, 0)
  }

  /** Callers that come while the check runs share its result, so probes can't pile up on a slow part. */
  result(): Promise<HealthCheckResult> {
    if (this.#last !== undefined && performance.now() - this.#last.at < this.#cacheMs) {
      return Promise.resolve(this.#last.result)
    }
    return (this.#running ??= this.#run())
  }

  async #run(): Promise<HealthCheckResult> {
    const startedAt = performance.now()
    const error = await this.#errorInTime()
    const at = performance.now()
    const result = Object.freeze({
      name: this.#name,
      ok: error === undefined,
      ms: at - startedAt,
      critical: this.#critical,
      ...(error !== undefined && { error }),
    })
    this.#last = { result, at }
    this.#running = undefined
    return result
  }

  async #errorInTime(): Promise<string | undefined> {
    const controller = new AbortController()
    const { promise: timedOut, resolve } = Promise.withResolvers<string>()
    const timer = setTimeout(() => {
      const message = `no answer within ${this.#timeoutMs} ms`
      resolve(message)
      controller.abort(new DOMException(message, 'TimeoutError'))
    }, this.#timeoutMs)
    try {
      return await Promise.race([errorOf(this.#check, controller.signal), timedOut])
    } finally {
      clearTimeout(timer)
    }
  }
}

async function errorOf(check: HealthCheck, signal: AbortSignal): Promise<string | undefined> {
  try {
    return faultIn(await check(signal))
  } catch (error) {
    return textOf(error)
  }
}

function faultIn(answer: unknown): string | undefined {
  if (answer === false) return 'returned false'
  const { isHealthy, ok, failures, error } = (answer ?? {}) as Answer
  if (isHealthy !== false && ok !== false) return undefined
  return failures?.join('; ') || error || 'unhealthy'
}

/** What a check may answer: a report of many parts, or the health of one. */
type Answer = Partial<Pick<HealthReport, 'isHealthy' | 'failures'> & Pick<HealthCheckResult, 'ok' | 'error'>>

/** Anything can be thrown, even what throws when it is looked at. */
function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message || thrown.name : inspect(thrown)
  } catch {
    return 'threw something unprintable'
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
