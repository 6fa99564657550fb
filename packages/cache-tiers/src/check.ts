export function checkInteger(
  name: string,
  value: number,
  from: number,
  to: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`
  throw new RangeError(`${name} must be an integer ${range}, got ${describe(value)}`)
}

/** Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once. */
export const longestTimerMs = 2_147_483_647

export function checkMs(name: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 1 && value <= longestTimerMs)) {
    throw new RangeError(`${name} must be milliseconds from 1 to ${longestTimerMs}, got ${describe(value)}`)
  }
}

/** Where `Infinity` is welcome. */
export function above0(name: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value
  throw new RangeError(`${name} must be a number above 0, got ${describe(value)}`)
}

/** Where `Infinity` is welcome. */
export function from0(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value
  throw new RangeError(`${name} must be a number from 0, got ${describe(value)}`)
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`)
}

export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${name} must be an object, got ${describe(value)}`)
  }
}

export function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
