import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** `minor` collects what was allocated last and is short; `major` collects everything and takes its time. */
export type Collection = 'minor' | 'major'

/**
 * Collects garbage now and blocks the event loop until that is done. Needs no `--expose-gc`. For jobs of a
 * `CleanupScheduler`, before critical sections, and for measuring; V8 knows better at all other times.
 * @throws {TypeError} when `kind` is neither
 */
export function collectGarbage(kind: Collection = 'major'): void {
  if (kind !== 'minor' && kind !== 'major') {
    throw new TypeError(`kind must be 'minor' or 'major', got ${String(kind)}`)
  }
  collect ??= exposedGc()
  collect({ type: kind, execution: 'sync' })
}

let collect: NodeJS.GCFunction | undefined

/** The function appears in contexts made while the flag is set, and stays when the flag is taken back. */
function exposedGc(): NodeJS.GCFunction {
  if (typeof globalThis.gc === 'function') return globalThis.gc
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc') as NodeJS.GCFunction
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
