import { types } from 'node:util'
import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** Collects all garbage now, whatever flags this process was started with. */
export function collectGarbage(): void {
  collect ??= exposedGc()
  collect()
}

/**
 * Bytes of JavaScript heap that some work allocates, garbage included. Collections inside the window are
 * accounted for by what they freed, which is less exact: keep the work small enough that there are none.
 */
export async function allocatedBytes(work: () => unknown): Promise<{ bytes: number; collections: number }> {
  const profiler = new GCProfiler()
  profiler.start()
  const before = getHeapStatistics().used_heap_size
  const pending = work()
  // A turn of the microtask queue would be counted: none for synchronous work.
  if (types.isPromise(pending)) await pending
  const after = getHeapStatistics().used_heap_size
  const collections = profiler.stop()?.statistics ?? []
  const freed = collections.reduce(
    (sum, { beforeGC, afterGC }) =>
      sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
    0,
  )
  return { bytes: after - before + freed, collections: collections.length }
}

function exposedGc(): () => void {
  // Collecting before every round must not throw away the bytecode of arms that wait for their turn.
  setFlagsFromString('--no-flush-bytecode')
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
