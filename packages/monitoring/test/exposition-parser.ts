/** A strict reader of both text formats, written from their specifications: throws at the first violation. */
export function parseExposition(
  text: string,
  format: 'prometheus' | 'openmetrics',
): Map<string, ParsedFamily> {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line does not end')
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end')
  const families = new Map<string, ParsedFamily>()
  const seen = new Set<string>()
  let family: ParsedFamily | undefined
  for (const line of lines) {
    const header = /^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line)
    if (header !== null) {
      const [, keyword, name, rest] = header as unknown as [string, string, string, string]
      if (keyword === 'TYPE') {
        if (families.has(name)) throw new Error(`${name} twice`)
        family = { name, type: rest, samples: [] }
        families.set(name, family)
      } else if (family?.name !== name || family.samples.length > 0) {
        throw new Error(`out of place: ${line}`)
      } else if (keyword === 'UNIT') {
        if (format === 'prometheus' || !name.endsWith(`_${rest}`)) throw new Error(`bad unit: ${line}`)
        family.unit = rest
      } else {
        family.help = unescape(rest, format === 'openmetrics' ? /\\[\\n"]/g : /\\[\\n]/g)
      }
      continue
    }
    if (family === undefined) throw new Error(`a sample without its type: ${line}`)
    const sample = parseSample(line)
    if (!suffixes(family.type, format).some((suffix) => sample.name === family?.name + suffix)) {
      throw new Error(`${sample.name} is not of the ${family.type} ${family.name}`)
    }
    const id = JSON.stringify([sample.name, Object.entries(sample.labels).map(String).toSorted()])
    if (seen.has(id)) throw new Error(`twice: ${line}`)
    seen.add(id)
    family.samples.push(sample)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family, format)
  return families
}

export interface ParsedFamily {
  name: string
  type: string
  unit?: string
  help?: string
  samples: ParsedSample[]
}

export interface ParsedSample {
  name: string
  labels: Record<string, string>
  value: string
}

function parseSample(line: string): ParsedSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s.exec(line)
  if (match === null) throw new Error(`not a sample: ${line}`)
  const [, name, labelText = '', value] = match as unknown as [string, string, string | undefined, string]
  if (!/^([+-]?\d+(\.\d+)?(e[+-]\d+)?|[+-]Inf|NaN)$/.test(value)) throw new Error(`not a number: ${line}`)
  const labels: Record<string, string> = {}
  let rest = labelText
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,(?=.)|$)/s.exec(rest)
    if (label === null) throw new Error(`not a label: ${rest}`)
    const [all, labelName, escaped] = label as unknown as [string, string, string]
    if (labelName in labels) throw new Error(`label ${labelName} twice: ${line}`)
    labels[labelName] = unescape(escaped, /\\[\\"n]/g)
    rest = rest.slice(all.length)
  }
  return { name, labels, value }
}

function unescape(text: string, escapes: RegExp): string {
  return text.replace(escapes, (pair) => (pair === '\\n' ? '\n' : pair.slice(1)))
}

function suffixes(type: string, format: string): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count']
  return type === 'counter' && format === 'openmetrics' ? ['_total'] : ['']
}

function checkHistogram({ name, samples }: ParsedFamily, format: string): void {
  for (const series of Map.groupBy(samples, withoutBound).values()) {
    const buckets = series.filter((sample) => sample.name === `${name}_bucket`)
    let [bound, count] = [-Infinity, 0]
    for (const { labels, value } of buckets) {
      const le = labels['le']!
      if (format === 'openmetrics' && !/[.e]|^\+Inf$/.test(le)) throw new Error(`le="${le}" is not canonical`)
      const next = le === '+Inf' ? Infinity : Number(le)
      if (!(next > bound) || Number(value) < count) throw new Error(`${name} is not cumulative at ${le}`)
      ;[bound, count] = [next, Number(value)]
    }
    const total = series.find((sample) => sample.name === `${name}_count`)?.value
    if (bound !== Infinity || Number(total) !== count)
      throw new Error(`${name} counts ${count}, not ${total}`)
    if (!series.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name} has no sum`)
  }
}

function withoutBound({ labels }: ParsedSample): string {
  return JSON.stringify({ ...labels, le: undefined })
}
