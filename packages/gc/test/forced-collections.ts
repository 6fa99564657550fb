import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number; readonly flags: number } }

/** The collections that some work asked for; those that V8 makes by itself don't count. */
export async function forcedCollections(
  work: () => unknown,
): Promise<{ readonly kind: 'minor' | 'major'; readonly at: number }[]> {
  const entries: PerformanceEntry[] = []
  const observer = new PerformanceObserver((list) => void entries.push(...list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  await work()
  // Node.js hands entries over in turns of their own.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  entries.push(...observer.takeRecords())
  observer.disconnect()
  return (entries as GcEntry[])
    .filter(({ detail }) => (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0)
    .map(({ detail, startTime }) => ({
      kind: detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR ? 'major' : 'minor',
      at: startTime,
    }))
}
