/** The text of a value that is not null, as `query` would send it: arrays become Postgres arrays, objects JSON. */
export function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return arrayText(value)
  if (value instanceof Date) return dateText(value)
  if (ArrayBuffer.isView(value)) return hex(value)
  switch (typeof value) {
    case 'object':
      return JSON.stringify(value)
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return undefined
  }
}

function arrayText(array: readonly unknown[]): string {
  const items = array.map((item) => {
    if (item === null || item === undefined) return 'NULL'
    if (Array.isArray(item)) return arrayText(item)
    const text = textOf(item)
    if (text === undefined) throw new TypeError(`an array with a ${typeof item}, which has no text`)
    return `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}

/** Local time with its offset: a column with a time zone keeps the instant, one without keeps the local time. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError('an invalid Date has no text')
  const offset = -date.getTimezoneOffset()
  const local = new Date(date.getTime() + offset * 60_000)
  const year = local.getUTCFullYear()
  const dayAndTime = local
    .toISOString()
    .replace(/^[+-]?\d+/, '')
    .slice(0, -1)
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`
  // There is no year 0: the one before the year 1 is 1 BC.
  return year > 0
    ? `${String(year).padStart(4, '0')}${dayAndTime}${zone}`
    : `${String(1 - year).padStart(4, '0')}${dayAndTime}${zone} BC`
}

function two(number: number): string {
  return String(Math.floor(number)).padStart(2, '0')
}

/** Bytes as `bytea` reads them. */
export function hex(bytes: ArrayBufferView): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}
