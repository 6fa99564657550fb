import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { readHeapFlags, type HeapFlags } from './heap-flags.ts'
import { heapSizes, mib, type HeapSizes } from './heap-sizes.ts'
import { readMemoryLimit } from './memory-limit.ts'

/** What a plan is made from: figures of this process as V8, Node.js and the system tell them. */
export interface GcFacts extends HeapSizes {
  readonly node: string
  /** V8's `heap_size_limit`: the old space and three semi-spaces. */
  readonly heapLimitMib: number
  /** What the new space has grown to so far, at most two semi-spaces. */
  readonly newSpaceMib: number
  /** The memory from which V8 derives its defaults: of the machine, or of the limit that Node.js sees. */
  readonly memoryMib: number
  /** The limit of the container, and who says so: a file, or `process.constrainedMemory()`. */
  readonly limitMib: number | undefined
  readonly limitSource: string | undefined
  /** The flags that decide heap sizes, from the command line and `NODE_OPTIONS`. */
  readonly flags: HeapFlags
  readonly nodeOptions: string
}

export function readGcFacts(): GcFacts {
  const nodeOptions = process.env['NODE_OPTIONS'] ?? ''
  const flags = readHeapFlags(process.execArgv, nodeOptions)
  const constrained = process.constrainedMemory()
  const memoryMib = (constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()) / mib
  const heapLimitMib = getHeapStatistics().heap_size_limit / mib
  const newSpace = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  const limit = readMemoryLimit()
  return Object.freeze({
    node: process.versions.node,
    heapLimitMib,
    ...heapSizes(heapLimitMib, memoryMib, flags),
    newSpaceMib: (newSpace?.space_size ?? 0) / mib,
    memoryMib,
    limitMib: limit && limit.bytes / mib,
    limitSource: limit?.source,
    flags,
    nodeOptions,
  })
}
