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
export function checkMs(name: string, value: number, from: 0 | 1 = 1): void {
  if (typeof value !== 'number' || !(value >= from && value < 2 ** 31)) {
    throw new RangeError(`${name} must be milliseconds from ${from} to 2147483647, got ${describe(value)}`)
  }
}

/** For what only grows and for what histograms hold. */
export function checkFromZero(what: string, value: number): void {
  if (typeof value === 'number' && value >= 0 && value < Infinity) return
  checkNumber(what, value)
  throw new RangeError(`${what} must be a finite number from 0, got ${value}`)
}

export function checkNumber(what: string, value: number): void {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, got ${describe(value)}`)
}

export function checkName(name: string, value: string): void {
  if (typeof value === 'string' && value !== '') return
  throw new TypeError(`${name} must be a non-empty string, got ${describe(value)}`)
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`)
}

export function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
