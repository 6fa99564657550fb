export function checkInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be an integer from ${least}, got ${describe(value)}`)
  }
}

/** Timers of Node.js overflow at 2 ** 31 milliseconds and then fire at once. */
export function checkMs(name: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 1 && value < 2 ** 31)) {
    throw new RangeError(`${name} must be milliseconds from 1 to 2147483647, got ${describe(value)}`)
  }
}

export function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string, got ${describe(value)}`)
}

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, got ${describe(value)}`)
}

export function checkArray(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array, got ${describe(value)}`)
}

/** The options given, over the defaults: an `undefined` counts as not given. */
export function withDefaults<D extends object, O extends object>(defaults: D, options: O): D & O {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(given) } as D & O
}

export function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
