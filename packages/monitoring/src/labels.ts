import { describe } from './check.ts'

/** Names and values that tell the series of a metric apart. */
export type Labels = Readonly<Record<string, LabelValue>>
export type LabelValue = string | number | boolean

/** `method="GET",status="200"`: sorted by name and escaped, so it is the series' key and its printed form. */
export function labelText(labels: Labels): string {
  return Object.keys(labels)
    .toSorted()
    .map((name) => `${checkedName(name)}="${escaped(name, labels[name])}"`)
    .join(',')
}

function checkedName(name: string): string {
  if (/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && name !== 'le' && name !== 'quantile') return name
  throw new TypeError(
    'a label name must be of letters, digits and underscores, not begin with a digit or two underscores, ' +
      `and not be le or quantile, got ${describe(name)}`,
  )
}

function escaped(name: string, value: unknown): string {
  switch (typeof value) {
    case 'string':
      // Two lone surrogates would become the same bytes, hence the same series twice.
      return value.toWellFormed().replace(/["\\\n]/g, (character) => escapes[character]!)
    case 'number':
    case 'boolean':
      return String(value)
    default:
      throw new TypeError(`label ${name} must be a string, a number or a boolean, got ${describe(value)}`)
  }
}

const escapes: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n' }
