import type { HeapFlags } from './heap-flags.ts'

/** Bytes of one mebibyte, the unit of V8's flags. */
export const mib: number = 2 ** 20

/** The sizes, in MiB, within which V8 keeps a heap. */
export interface HeapSizes {
  readonly oldSpaceMib: number | undefined
  readonly semiSpaceMib: number | undefined
}

/**
 * Finds both sizes, which V8 does not tell, out of what it does tell: its heap limit is the old space and three
 * semi-spaces. The old space is known by flag or by rule; a rest that no three semi-spaces make up shows that it
 * is not, and then neither size is.
 */
export function heapSizes(heapLimitMib: number, memoryMib: number, flags: HeapFlags): HeapSizes {
  const percentage = flags['--max-old-space-size-percentage']
  const oldSpaceMib =
    percentage === undefined
      ? (flags['--max-old-space-size'] ?? defaultOldSpaceMib(memoryMib))
      : Math.floor((memoryMib * percentage) / 100)
  const youngMib = heapLimitMib - oldSpaceMib
  const semiSpaceMib = 2 ** Math.round(Math.log2(youngMib / 3))
  // V8 rounds the old space to its pages of 256 KiB.
  return flags['--max-heap-size'] === undefined &&
    semiSpaceMib >= 1 &&
    Math.abs(youngMib - 3 * semiSpaceMib) < 0.5
    ? { oldSpaceMib, semiSpaceMib }
    : { oldSpaceMib: undefined, semiSpaceMib: undefined }
}

/** The size that V8 makes of one asked for: semi-spaces are powers of two. */
export function effectiveSemiSpaceMib(asked: number): number {
  return 2 ** Math.ceil(Math.log2(asked))
}

/** The largest semi-space of which three fit, and at least the smallest there is. */
export function semiSpaceWithin(youngMib: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, youngMib / 3)))
}

/**
 * What V8 gives itself without a flag: half of the memory, from 256 MiB to 2 GiB, and 4 GiB from 15 GiB on. Node.js
 * 22, 24 and 26 agree, while their defaults of the semi-space differ.
 */
function defaultOldSpaceMib(memoryMib: number): number {
  return memoryMib >= 15 * 1024 ? 4096 : Math.min(2048, Math.max(256, memoryMib / 2))
}
