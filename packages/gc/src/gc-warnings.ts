import type { GcFacts } from './gc-facts.ts'
import {
  decisiveFlag,
  fittingOldSpaceMib,
  leastOldSpaceMib,
  planSettings,
  usableShare,
  type GcGoal,
  type GcSetting,
} from './gc-settings.ts'

/** Something about this process that ends badly, whatever the plan says. */
export interface GcWarning {
  readonly id:
    /** V8 may grow its heaps beyond nine tenths of the container's memory, now or with what is given. */
    | 'heap-above-limit'
    /** The old space that was given fits, but not with the young generation that V8 adds to it. */
    | 'young-on-top'
    /** The semi-space that was given is smaller than planned. */
    | 'small-semi-space'
    /** A flag that saves memory holds the semi-space at 1 MiB, also against `--max-semi-space-size`. */
    | 'optimize-for-size'
    /** Each worker thread gets a given size that was not planned, whatever its `resourceLimits` say. */
    | 'worker-limits-ignored'
    /** The container has no room for a heap that is worth planning. */
    | 'limit-too-small'
  readonly message: string
}

type Warn = (id: GcWarning['id'], message: string) => void

export function gcWarnings(
  facts: GcFacts,
  goal: GcGoal,
  settings: readonly GcSetting[],
): readonly GcWarning[] {
  const { flags, limitMib } = facts
  const warnings: GcWarning[] = []
  const warn: Warn = (id, message) => void warnings.push({ id, message })

  warnOfHeaps(facts, goal, settings, warn)
  const decisive = decisiveFlag(flags)
  if (decisive !== undefined && decisive !== '--max-heap-size') {
    warn('optimize-for-size', `${decisive} holds the semi-space at 1 MiB: expect many times more collections`)
  }
  warnOfGivenSizes(facts, goal, settings, warn)
  if (limitMib !== undefined && fittingOldSpaceMib(limitMib, goal, 1) < leastOldSpaceMib) {
    warn(
      'limit-too-small',
      `${Math.floor(limitMib)} MiB leave no room beside ${Math.ceil(goal.headroomMib)} MiB outside the heap`,
    )
  }
  return warnings
}

/** All heaps at their largest, as they are and as planned. */
function warnOfHeaps(facts: GcFacts, goal: GcGoal, settings: readonly GcSetting[], warn: Warn): void {
  const { flags, heapLimitMib, limitMib } = facts
  if (limitMib === undefined) return
  const [semi, old] = settings
  const plannedMib = semi === undefined || old === undefined ? 0 : old.sizeMib + 3 * semi.sizeMib
  const heapMib = Math.max(heapLimitMib, plannedMib)
  const heaps = goal.workers + 1
  const usableMib = (usableShare * limitMib) / heaps
  if (heapMib <= usableMib) return
  const each = heaps === 1 ? '' : ` in each of ${heaps} heaps`
  const limit = `${Math.floor(limitMib)} MiB of the container`
  const oldMib = flags['--max-old-space-size']
  if (oldMib !== undefined && oldMib <= usableMib) {
    warn(
      'young-on-top',
      `--max-old-space-size=${oldMib} and ${heapMib - oldMib} MiB of young generation on top make ${heapMib} MiB${each}, in ${limit}`,
    )
  } else {
    warn(
      'heap-above-limit',
      `V8 may use ${heapMib} MiB${each}, in ${limit}: the kernel ends the process first`,
    )
  }
}

/** What is given and other than what would be planned without. */
function warnOfGivenSizes(facts: GcFacts, goal: GcGoal, settings: readonly GcSetting[], warn: Warn): void {
  const { flags } = facts
  const others = settings.flatMap(({ flag, sizeMib, origin }) => {
    const without = planSettings({ ...facts, flags: { ...flags, [flag]: undefined } }, goal)
    const wantedMib = without.find((setting) => setting.flag === flag)?.sizeMib
    return origin === 'given' && wantedMib !== undefined && wantedMib !== sizeMib
      ? [{ flag, sizeMib, wantedMib }]
      : []
  })
  const small = others.find(
    ({ flag, sizeMib, wantedMib }) => flag === '--max-semi-space-size' && sizeMib < wantedMib,
  )
  if (small !== undefined) {
    const { flag, sizeMib, wantedMib } = small
    warn('small-semi-space', `${flag}=${sizeMib} is kept: ${wantedMib} MiB would save collections`)
  }
  const heapMib = flags['--max-heap-size']
  const size = heapMib === undefined ? others[0] : { flag: '--max-heap-size', sizeMib: heapMib }
  if (goal.workers > 0 && size !== undefined) {
    const { flag, sizeMib } = size
    warn(
      'worker-limits-ignored',
      `${flag}=${sizeMib} holds for each worker thread, whatever its resourceLimits say`,
    )
  }
}
