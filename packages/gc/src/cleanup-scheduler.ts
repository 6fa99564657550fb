import { performance } from 'node:perf_hooks'
import { CleanupJob, type CleanupOptions, type CleanupRun, type CleanupWork } from './cleanup-job.ts'
import { GcError } from './errors.ts'
import { registerInstrument } from './instrument.ts'
import type { Holder } from './lifecycle/report.ts'

/** Options of a scheduler. */
export interface CleanupSchedulerOptions {
  /** The name in telemetry and messages. @default 'cleanup-1', 'cleanup-2', … */
  readonly name?: string | undefined
  /** Told of each run that threw or rejected. What it throws itself is dropped. @default failures are only counted */
  readonly onFailure?: ((job: string, reason: unknown) => void) | undefined
}

/** The figures of a scheduler. `late` counts runs that found no moment within `maxDelayMs`. */
export type CleanupStats = Readonly<{
  jobs: number
  running: number
  completed: number
  failed: number
  late: number
}>

/** How a close ended: whether no job ran any more at the deadline, and which one did. */
export interface CloseReport {
  readonly closed: boolean
  readonly ms: number
  readonly holders: readonly Holder[]
}

/**
 * Runs chores, such as sweeping a cache, when the event loop has nothing better to do and no `deferGc` section is
 * under way, within limits. A job never overlaps itself, and one that fails runs again at its next time. Keeps no process alive.
 */
export class CleanupScheduler implements AsyncDisposable {
  readonly name: string
  readonly #onFailure: CleanupSchedulerOptions['onFailure']
  readonly #jobs = new Map<string, CleanupJob>()
  readonly #leaving = new Set<CleanupJob>()
  readonly #deadline = new AbortController()
  readonly #unregister: () => void
  readonly #counts = { completed: 0, failed: 0, late: 0 }
  #closed: Promise<CloseReport> | undefined

  /**
   * @throws {TypeError} when an option is not what it should be
   */
  constructor({ name, onFailure }: CleanupSchedulerOptions = {}) {
    if (name !== undefined) checkName(name)
    if (onFailure !== undefined) checkFunction('onFailure', onFailure)
    this.name = name ?? `cleanup-${++unnamed}`
    this.#onFailure = onFailure
    this.#unregister = registerInstrument('cleanup', this.name, this)
  }

  /**
   * Adds a job under a name of its own.
   * @throws {TypeError | RangeError} when the name is taken or an argument is not what it should be
   * @throws {GcError} GC_CLOSED
   */
  add(name: string, work: CleanupWork, options: CleanupOptions): void {
    checkName(name)
    checkFunction('work', work)
    checkOptions(options)
    if (this.#closed !== undefined) throw new GcError('GC_CLOSED', `${this.name} is closed`)
    if (this.#jobs.has(name)) throw new RangeError(`name must be new to ${this.name}, got '${name}' again`)
    const job = new CleanupJob(name, () => work(this.#deadline.signal), options, {
      late: () => this.#counts.late++,
      completed: () => this.#counts.completed++,
      failed: (reason) => this.#fail(name, reason),
    })
    this.#jobs.set(name, job)
  }

  /** Takes a job out; a run of it that is under way goes on to its end. Says whether there was such a job. */
  remove(name: string): boolean {
    const job = this.#jobs.get(name)
    if (job === undefined) return false
    job.stop()
    this.#jobs.delete(name)
    if (job.run !== undefined) {
      this.#leaving.add(job)
      void job.run.ended.then(() => this.#leaving.delete(job))
    }
    return true
  }

  stats(): CleanupStats {
    const running = this.#runs().length
    return Object.freeze({ jobs: this.#jobs.size, running, ...this.#counts })
  }

  /** Begins no more runs and waits for those under way, at most until the deadline; then it aborts their signal. */
  close({ deadlineMs = 10_000 }: { readonly deadlineMs?: number | undefined } = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    this.#closed ??= this.#close(deadlineMs)
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    for (const job of this.#jobs.values()) job.stop()
    const ended = this.#runs().map(({ run }) => run.ended)
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, deadlineMs)
    await Promise.race([late, Promise.all(ended)])
    clearTimeout(timer)

    const now = performance.now()
    const holders = this.#runs().map(({ name, run }) => ({ heldMs: now - run.startedAt, label: name }))
    this.#deadline.abort(new GcError('GC_CLOSED', `${this.name} has closed`))
    this.#jobs.clear()
    this.#unregister()
    return Object.freeze({
      closed: holders.length === 0,
      ms: now - startedAt,
      holders: Object.freeze(holders),
    })
  }

  #runs(): { readonly name: string; readonly run: CleanupRun }[] {
    const jobs = [...this.#jobs.values(), ...this.#leaving]
    return jobs.flatMap(({ name, run }) => (run === undefined ? [] : [{ name, run }]))
  }

  #fail(name: string, reason: unknown): void {
    this.#counts.failed++
    try {
      this.#onFailure?.(name, reason)
    } catch {
      // Who is told of failures must not become one.
    }
  }
}

let unnamed = 0

function checkOptions(options: CleanupOptions | undefined): void {
  const { everyMs, idleOnly = true, maxDelayMs = 1 } = options ?? ({} as Partial<CleanupOptions>)
  checkMs('everyMs', everyMs)
  checkMs('maxDelayMs', maxDelayMs)
  if (typeof idleOnly !== 'boolean')
    throw new TypeError(`idleOnly must be a boolean, got ${String(idleOnly)}`)
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw new TypeError(`name must be a string that is not empty, got ${name === '' ? "''" : typeof name}`)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${typeof value}`)
}

/** Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once. */
function checkMs(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 1 && value < 2 ** 31)) {
    throw new RangeError(`${name} must be milliseconds from 1 to 2147483647, got ${String(value)}`)
  }
}
