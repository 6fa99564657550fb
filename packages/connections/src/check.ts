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

/** The options given, over the defaults: an `undefined` counts as not given. */
export function withDefaults<D extends object, O extends object>(defaults: D, options: O): D & O {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(given) } as D & O
}

export function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
