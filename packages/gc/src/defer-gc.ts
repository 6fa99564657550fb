import { collectGarbage, type Collection } from './collect-garbage.ts'

/** Options of one section. */
export interface DeferGcOptions {
  /**
   * What to collect before the section begins; nothing while another one is under way, which it would hold up.
   * @default 'minor'
   */
  readonly collect?: Collection | 'nothing' | undefined
}

/**
 * Runs work that should not be interrupted: collects garbage just before, so that the section starts with an empty
 * young generation, and holds back the jobs of every `CleanupScheduler` until it has ended, or for their `maxDelayMs`.
 * V8 has no way to forbid a collection: a section that allocates more than a semi-space will see one.
 * @throws {TypeError} when an argument is not what it should be
 */
export async function deferGc<T>(work: () => T | Promise<T>, options: DeferGcOptions = {}): Promise<T> {
  const { collect = 'minor' } = options
  if (typeof work !== 'function') throw new TypeError(`work must be a function, got ${typeof work}`)
  if (collect !== 'minor' && collect !== 'major' && collect !== 'nothing') {
    throw new TypeError(`collect must be 'minor', 'major' or 'nothing', got ${String(collect)}`)
  }
  if (underWay === 0 && collect !== 'nothing') collectGarbage(collect)
  underWay++
  try {
    return await work()
  } finally {
    underWay--
  }
}

let underWay = 0

/** How many sections run now. */
export function sectionsUnderWay(): number {
  return underWay
}
