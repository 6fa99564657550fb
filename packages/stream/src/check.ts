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

export function checkOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  const quoted = allowed.map((one) => `'${one}'`)
  const last = quoted.pop()
  throw new TypeError(`${name} must be ${quoted.join(', ')} or ${last}, got ${describe(value)}`)
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${describe(value)}`)
}

export function checkSignal(name: string, value: unknown): void {
  if (value instanceof AbortSignal) return
  throw new TypeError(`${name} must be an AbortSignal, got ${describe(value)}`)
}

export function checkPath(name: string, value: unknown): void {
  if (typeof value === 'string' || value instanceof URL) return
  throw new TypeError(`${name} must be a string or a URL, got ${describe(value)}`)
}

export function checkSource(name: string, value: unknown): void {
  const isObject = typeof value === 'object' && value !== null
  if (isObject && ('getReader' in value || Symbol.asyncIterator in value)) return
  // A whole text given by mistake is no message.
  const got = describe(value).slice(0, 60)
  throw new TypeError(`${name} must be an AsyncIterable or a ReadableStream, got ${got}`)
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
