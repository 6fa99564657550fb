/** Key numbers to ask for, one after the other, round and round. A power of two of them. */
export type Picks = Uint32Array<ArrayBuffer>

const picks = 2 ** 17

export function uniform(keys: number): Picks {
  const random = randomNumbers(1)
  return new Uint32Array(picks).map(() => Math.floor(random() * keys))
}

/** Key k is asked for in proportion to 1 / (k + 1) ^ 0.99, as in YCSB. */
export function zipf(keys: number): Picks {
  const random = randomNumbers(2)
  const upTo = new Float64Array(keys)
  let sum = 0
  for (let key = 0; key < keys; key++) upTo[key] = sum += (key + 1) ** -0.99
  return new Uint32Array(picks).map(() => firstAbove(upTo, random() * sum))
}

export function keyNames(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user:${from + index}`)
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** Uniform numbers from 0 to 1 by mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
