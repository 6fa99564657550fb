/**
 * An estimate of what a value and its key hold in memory, for `maxBytes` without a `sizeOf`: strings by
 * length, buffers by byte length, objects by their own fields, each object once. It walks the whole value.
 */
export function estimateBytes(value: unknown, key: unknown): number {
  const seen = new Set<object>()
  const pending: unknown[] = [key, value]
  let bytes = 0
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next === 'string') bytes += stringOverhead + next.length
    else if (typeof next !== 'object' || next === null) bytes += word
    else if (!seen.has(next)) {
      seen.add(next)
      bytes += objectOverhead + contents(next, pending)
    }
  }
  return bytes
}

const word = 8
const stringOverhead = 16
const objectOverhead = 24

/** The bytes an object holds directly; what it refers to is left in `pending`. */
function contents(object: object, pending: unknown[]): number {
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return object.byteLength
  const before = pending.length
  if (object instanceof Map) for (const [key, value] of object) pending.push(key, value)
  else if (object instanceof Set) for (const item of object) pending.push(item)
  else for (const field of Object.values(object)) pending.push(field)
  return word * (pending.length - before)
}
