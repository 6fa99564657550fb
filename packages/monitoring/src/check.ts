import { inspect } from 'node:util'

/** The longest delay that Node's timers take. */
export const maxTimerMs = 2_147_483_647

export function checkInteger(
  name: string,
  value: number,
  from: number,
  to: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(value) && value >= from && value <= to) return
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`
  throw new RangeError(`${name} must be an integer ${range}, got ${inspect(value)}`)
}

/** For what only grows and for what histograms hold. */
export function checkFromZero(what: string, value: number): void {
  if (typeof value === 'number' && value >= 0 && value < Infinity) return
  checkNumber(what, value)
  throw new RangeError(`${what} must be a finite number from 0, got ${value}`)
}

export function checkNumber(what: string, value: number): void {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, got ${inspect(value)}`)
}
