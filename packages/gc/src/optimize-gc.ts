import { readGcFacts } from './gc-facts.ts'
import { addedFlags, planGc, type GcPlan } from './gc-plan.ts'
import { goalWithin, type GcGoal } from './gc-settings.ts'
import { restartWith } from './restart.ts'

/** What the process is for, and what to do about it. */
export interface OptimizeGcOptions {
  /** What matters most. @default 'small-container' within a memory limit of at most 1 GiB, else 'throughput' */
  readonly workload?: GcGoal['workload'] | undefined
  /** `plan` only says what to do; `re-exec` does it, by starting the program anew. @default 'plan' */
  readonly apply?: 'plan' | 're-exec' | undefined
  /** Worker threads that share the container's memory. Integer from 0. @default 0 */
  readonly workers?: number | undefined
  /**
   * Memory that the process needs outside of its heaps, for Buffers, code and threads, in bytes from 0.
   * @default a quarter of the container's limit, at least 64 MiB
   */
  readonly headroomBytes?: number | undefined
}

/**
 * Says how large V8's heap should be here, for which reasons, and whether it is, by V8's own figures. V8 takes
 * these sizes only at its start, so `apply: 're-exec'` replaces the process (POSIX, main thread): call it before
 * anything else, since nothing but process id, arguments, environment, folder and standard streams survives. The
 * program then runs this call again, and goes on from there: there is one restart at most.
 * @throws {TypeError | RangeError} when an option is not what it should be
 */
export function optimizeGc(options: OptimizeGcOptions = {}): GcPlan {
  const { apply = 'plan', workload, workers = 0, headroomBytes } = options
  if (workload !== undefined) checkOneOf('workload', workload, ['throughput', 'latency', 'small-container'])
  checkOneOf('apply', apply, ['plan', 're-exec'])
  if (!Number.isSafeInteger(workers) || workers < 0) {
    throw new RangeError(`workers must be an integer from 0, got ${String(workers)}`)
  }
  if (headroomBytes !== undefined && !(headroomBytes >= 0 && headroomBytes < Infinity)) {
    throw new RangeError(`headroomBytes must be bytes from 0, got ${String(headroomBytes)}`)
  }

  const facts = readGcFacts()
  const plan = planGc(facts, goalWithin(facts.limitMib, options))
  const flags = addedFlags(plan.settings)
  if (apply === 'plan' || flags.length === 0) return plan
  return Object.freeze({ ...plan, notApplied: [restartWith(flags)] })
}

function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === 'string' && allowed.includes(value)) return
  const got = typeof value === 'string' ? `'${value}'` : String(value)
  throw new TypeError(`${name} must be one of '${allowed.join("', '")}', got ${got}`)
}
