export function integer(name: string, value: number, from: number): number {
  if (Number.isSafeInteger(value) && value >= from) return value
  throw new RangeError(`${name} must be an integer from ${from}, got ${describe(value)}`)
}

export function milliseconds(name: string, value: number, from: 0 | 1): number {
  if (typeof value === 'number' && value >= from && value <= longestTimerMs) return value
  throw new RangeError(
    `${name} must be milliseconds from ${from} to ${longestTimerMs}, got ${describe(value)}`,
  )
}

export function seconds(name: string, value: number, from: number): number {
  if (typeof value === 'number' && value >= from && value <= longestTimerSeconds) return value
  throw new RangeError(
    `${name} must be seconds from ${from} to ${longestTimerSeconds}, got ${describe(value)}`,
  )
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`)
}

export function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

// Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once.
const longestTimerMs = 2_147_483_647
const longestTimerSeconds = 2_147_483
