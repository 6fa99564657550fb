import type { GcFacts } from './gc-facts.ts'
import { decisiveFlag, planSettings, type GcGoal, type GcSetting } from './gc-settings.ts'
import { gcWarnings, type GcWarning } from './gc-warnings.ts'

/** What the garbage collector of this process should be told, and whether it was. */
export interface GcPlan {
  readonly workload: GcGoal['workload']
  readonly settings: readonly GcSetting[]
  /** The whole `NODE_OPTIONS` to start with: what is there now, and the flags that the plan adds. */
  readonly nodeOptions: string
  /** For `new Worker(file, { resourceLimits })`. V8 ignores what the process has a flag for. */
  readonly workerLimits: WorkerLimits
  /** Whether this process runs as planned, by V8's own figures. */
  readonly applied: boolean
  /** Why not, if not. */
  readonly notApplied: readonly string[]
  readonly warnings: readonly GcWarning[]
  /** The figures that the plan was made from. */
  readonly evidence: GcFacts
}

/** The part of a worker thread's `resourceLimits` that a plan decides. */
export interface WorkerLimits {
  readonly maxYoungGenerationSizeMb?: number
  readonly maxOldGenerationSizeMb?: number
}

/** Makes a plan out of facts and nothing else. */
export function planGc(facts: GcFacts, goal: GcGoal): GcPlan {
  const settings = planSettings(facts, goal)
  const notApplied = reasonsAgainst(facts, settings)
  const nodeOptions = [facts.nodeOptions, ...addedFlags(settings)].join(' ').trim()
  return Object.freeze({
    workload: goal.workload,
    settings,
    nodeOptions,
    workerLimits: workerLimits(settings),
    applied: notApplied.length === 0,
    notApplied,
    warnings: gcWarnings(facts, goal, settings),
    evidence: facts,
  })
}

/** The flags that a plan adds to those that are given. */
export function addedFlags(settings: readonly GcSetting[]): string[] {
  return settings.filter(({ origin }) => origin === 'plan').map(({ flag, sizeMib }) => `${flag}=${sizeMib}`)
}

function reasonsAgainst(facts: GcFacts, settings: readonly GcSetting[]): string[] {
  const decisive = decisiveFlag(facts.flags)
  if (decisive !== undefined) return [`${decisive} is given and decides the sizes`]
  return settings.flatMap(({ flag, sizeMib, origin, confirmed }) => {
    if (confirmed) return []
    if (origin === 'plan') return [`${flag}=${sizeMib}: V8 takes it only at the start of a process`]
    return [`${flag}=${sizeMib}: V8's heap limit of ${facts.heapLimitMib} MiB does not show it`]
  })
}

function workerLimits(settings: readonly GcSetting[]): WorkerLimits {
  const sizeOf = (name: GcSetting['flag']): number | undefined =>
    settings.find(({ flag }) => flag === name)?.sizeMib
  const semiMib = sizeOf('--max-semi-space-size')
  const oldMib = sizeOf('--max-old-space-size')
  return Object.freeze({
    ...(semiMib !== undefined && { maxYoungGenerationSizeMb: 3 * semiMib }),
    ...(oldMib !== undefined && { maxOldGenerationSizeMb: oldMib }),
  })
}
