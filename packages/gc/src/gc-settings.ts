import type { GcFacts } from './gc-facts.ts'
import type { HeapFlag, HeapFlags } from './heap-flags.ts'
import { effectiveSemiSpaceMib, mib, semiSpaceWithin } from './heap-sizes.ts'

/** What a plan is for. */
export interface GcGoal {
  /**
   * `throughput` wants the least time in collections: semi-spaces of 64 MiB. `latency` wants no long pause where
   * much survives: 32 MiB. `small-container` wants little memory, 16 MiB, and an old space that makes use of the
   * container's memory and fits into it. Always less where an eighth of the memory is less.
   */
  readonly workload: 'throughput' | 'latency' | 'small-container'
  /** Worker threads: each has a heap of its own. */
  readonly workers: number
  /** Memory outside of all heaps, in MiB. */
  readonly headroomMib: number
}

/** A goal as a caller puts it. */
export interface GcWishes {
  readonly workload?: GcGoal['workload'] | undefined
  readonly workers?: number | undefined
  readonly headroomBytes?: number | undefined
}

/** What a plan says about one heap size. */
export interface GcSetting {
  readonly flag: '--max-semi-space-size' | '--max-old-space-size'
  /** The size that the plan wants, in MiB. */
  readonly sizeMib: number
  /** The size of this process in MiB, where V8's figures show it. */
  readonly nowMib: number | undefined
  /** `given` by a flag of this process and kept, V8's `default` and right, or added by the `plan`. */
  readonly origin: 'given' | 'default' | 'plan'
  /** Whether V8's own figures show this size in this process. */
  readonly confirmed: boolean
  readonly reason: string
}

/** The larger, the fewer collections; but where much survives, each takes longer (both: bench/run.ts). */
const largestSemiSpaceMib = { throughput: 64, latency: 32, 'small-container': 16 } as const

/** Of the container's memory, for all heaps at their largest. */
export const usableShare = 0.9

/** Nothing that runs fits into less. */
export const leastOldSpaceMib = 32

export function planSettings(facts: GcFacts, goal: GcGoal): GcSetting[] {
  if (decisiveFlag(facts.flags) !== undefined) return []
  const semi = planSemiSpace(facts, goal)
  const old = planOldSpace(facts, goal, semi.sizeMib)
  return [semi, ...(old === undefined ? [] : [old])].map((setting) => Object.freeze(setting))
}

/** What is wanted within this limit: what the caller says, and else what is usual. */
export function goalWithin(limitMib: number | undefined, wishes: GcWishes): GcGoal {
  const limit = limitMib ?? Infinity
  const { workload, workers = 0, headroomBytes } = wishes
  return {
    workload: workload ?? (limit <= 1024 ? 'small-container' : 'throughput'),
    workers,
    headroomMib: headroomBytes === undefined ? Math.max(64, limit / 4) : headroomBytes / mib,
  }
}

/** A flag beside which sizes mean something else or nothing. */
export function decisiveFlag(flags: HeapFlags): HeapFlag | undefined {
  const decisive = ['--max-heap-size', '--optimize-for-size', '--lite-mode'] as const
  return decisive.find((flag) => flags[flag] !== undefined)
}

/** The old space in MiB that fits into the container beside all else. */
export function fittingOldSpaceMib(
  limitMib: number,
  { workers, headroomMib }: GcGoal,
  semiSpaceMib: number,
): number {
  return Math.floor((limitMib - headroomMib) / (workers + 1) - 3 * semiSpaceMib)
}

/** Flags given for the old space keep their say; a percentage is known by what V8 made of it. */
function givenOldSpaceMib({ flags, oldSpaceMib }: GcFacts): number | undefined {
  return flags['--max-old-space-size'] ?? (flags['--max-old-space-size-percentage'] && oldSpaceMib)
}

/** An eighth of the memory for all young generations leaves the rest to what lives on; a given old space, maybe less. */
function youngMibOfOne(facts: GcFacts, workers: number): number {
  const { limitMib, memoryMib } = facts
  const eighth = (limitMib ?? memoryMib) / 8 / (workers + 1)
  const oldMib = givenOldSpaceMib(facts)
  if (limitMib === undefined || oldMib === undefined) return eighth
  return Math.min(eighth, (usableShare * limitMib) / (workers + 1) - oldMib)
}

function planSemiSpace(facts: GcFacts, { workload, workers }: GcGoal): GcSetting {
  const { limitMib, memoryMib, semiSpaceMib: nowMib, flags } = facts
  const memory = limitMib ?? memoryMib
  const sizeMib = Math.min(largestSemiSpaceMib[workload], semiSpaceWithin(youngMibOfOne(facts, workers)))
  const flag = '--max-semi-space-size'
  const given = flags[flag]
  if (given !== undefined) {
    const keptMib = effectiveSemiSpaceMib(given)
    const reason = keptMib === sizeMib ? 'given as planned' : `given, therefore kept; ${sizeMib} MiB without`
    return { flag, sizeMib: keptMib, nowMib, origin: 'given', confirmed: nowMib === keptMib, reason }
  }
  const isRight = workload === 'throughput' ? (nowMib ?? 0) >= sizeMib : nowMib === sizeMib
  if (isRight) {
    const reason = 'the default of V8 here: a flag would gain nothing'
    return { flag, sizeMib: nowMib!, nowMib, origin: 'default', confirmed: true, reason }
  }
  const why =
    (nowMib ?? 0) < sizeMib
      ? `three of ${sizeMib} MiB are at most an eighth of ${Math.floor(memory)} MiB`
      : `less ${workload === 'latency' ? 'keeps pauses short where much survives' : 'saves memory'}`
  const reason = `${nowMib ?? 'unknown'} MiB now; ${why}`
  return { flag, sizeMib, nowMib, origin: 'plan', confirmed: false, reason }
}

/** Nothing where no limit asks for it. */
function planOldSpace(facts: GcFacts, goal: GcGoal, semiSpaceMib: number): GcSetting | undefined {
  const { limitMib, oldSpaceMib: nowMib, flags } = facts
  const flag = '--max-old-space-size'
  if (flags[flag] !== undefined || flags['--max-old-space-size-percentage'] !== undefined) {
    const sizeMib = givenOldSpaceMib(facts)
    if (sizeMib === undefined) return undefined
    const reason = 'given, therefore kept'
    return { flag, sizeMib, nowMib, origin: 'given', confirmed: nowMib === sizeMib, reason }
  }
  if (limitMib === undefined) return undefined
  const fitting = fittingOldSpaceMib(limitMib, goal, semiSpaceMib)
  if (fitting < leastOldSpaceMib) return undefined
  const { workload, workers, headroomMib } = goal
  if (workload === 'small-container' ? nowMib === fitting : nowMib !== undefined && nowMib <= fitting) {
    const reason = `the default of V8 here, and it fits into ${Math.floor(limitMib)} MiB`
    return { flag, sizeMib: nowMib!, nowMib, origin: 'default', confirmed: true, reason }
  }
  const heaps = workers === 0 ? '' : ` for ${workers + 1} heaps`
  const reason = `${Math.floor(limitMib)} MiB of the container less ${Math.ceil(headroomMib)} outside the heap${heaps}, less three semi-spaces of ${semiSpaceMib}; ${nowMib ?? 'unknown'} now`
  return { flag, sizeMib: fitting, nowMib, origin: 'plan', confirmed: false, reason }
}
