import type { GcFacts } from './gc-facts.ts'
import { decisiveFlag, fittingOldSpaceMib, leastOldSpaceMib, type GcGoal } from './gc-settings.ts'

/** Something about this process that ends badly, whatever the plan says. */
export interface GcWarning {
  readonly id:
    /** V8 may grow its heap beyond nine tenths of the container's memory. */
    | 'heap-above-limit'
    /** The old space that was given fits, but not with the young generation that V8 adds to it. */
    | 'young-on-top'
    /** A flag that saves memory holds the semi-space at 1 MiB, also against `--max-semi-space-size`. */
    | 'optimize-for-size'
    /** Each worker thread gets the heap sizes of the process's flags, not of its `resourceLimits`. */
    | 'worker-limits-ignored'
    /** The container has no room for a heap that is worth planning. */
    | 'limit-too-small'
  readonly message: string
}

export function gcWarnings(facts: GcFacts, goal: GcGoal): readonly GcWarning[] {
  const { flags, heapLimitMib, limitMib } = facts
  const warnings: GcWarning[] = []
  const warn = (id: GcWarning['id'], message: string): void => void warnings.push({ id, message })

  if (limitMib !== undefined && heapLimitMib > 0.9 * limitMib) {
    const oldMib = flags['--max-old-space-size']
    const limit = `${Math.floor(limitMib)} MiB of the container`
    if (oldMib !== undefined && oldMib <= 0.9 * limitMib) {
      const youngMib = heapLimitMib - oldMib
      warn(
        'young-on-top',
        `--max-old-space-size=${oldMib} and ${youngMib} MiB of young generation on top make ${heapLimitMib} MiB, in ${limit}`,
      )
    } else {
      warn(
        'heap-above-limit',
        `V8 may use ${heapLimitMib} MiB, in ${limit}: the kernel ends the process first`,
      )
    }
  }
  const decisive = decisiveFlag(flags)
  if (decisive !== undefined && decisive !== '--max-heap-size') {
    warn('optimize-for-size', `${decisive} holds the semi-space at 1 MiB: expect many times more collections`)
  }
  const size = (['--max-semi-space-size', '--max-old-space-size', '--max-heap-size'] as const).find(
    (flag) => flags[flag] !== undefined,
  )
  if (goal.workers > 0 && size !== undefined) {
    warn(
      'worker-limits-ignored',
      `${size}=${flags[size]} holds for each worker thread, whatever its resourceLimits say`,
    )
  }
  if (limitMib !== undefined && fittingOldSpaceMib(limitMib, goal, 1) < leastOldSpaceMib) {
    warn(
      'limit-too-small',
      `${Math.floor(limitMib)} MiB leave no room beside ${Math.ceil(goal.headroomMib)} MiB outside the heap`,
    )
  }
  return warnings
}
