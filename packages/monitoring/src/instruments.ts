import type { MetricsCollector } from './metrics-collector.ts'

export interface InstrumentSnapshot {
  readonly kind: string
  readonly name: string
  readonly stats: Readonly<Record<string, number | string | boolean>>
}

/** Pools, caches and whatever else lists itself in `globalThis[Symbol.for('code.instruments')]`. */
export function readInstruments(): readonly InstrumentSnapshot[] {
  const listed = (globalThis as { [instruments]?: Map<string, Instrument> })[instruments]
  return Array.from(listed ?? [], ([key, instrument]) => {
    // Listed as `<kind>:<name>`; unlike the instrument's own name, the key tells two of one name apart.
    const [kind, ...name] = key.split(':')
    return { kind: kind!, name: name.join(':'), stats: statsOf(instrument) }
  })
}

/** Their numbers as gauges: `maxSize` of a pool is `code_pool_max_size{name="…"}`. */
export function writeInstruments(metrics: MetricsCollector): void {
  for (const { kind, name, stats } of readInstruments()) {
    for (const [stat, value] of Object.entries(stats)) {
      if (typeof value === 'number')
        metrics.gauge(`code_${snakeCase(kind)}_${snakeCase(stat)}`, value, { name })
    }
  }
}

interface Instrument {
  stats(): InstrumentSnapshot['stats']
}

/** One that fails, or has none, must not hide the others. */
function statsOf(instrument: Instrument): InstrumentSnapshot['stats'] {
  try {
    return { ...instrument.stats() }
  } catch (error) {
    return { error: String(error) }
  }
}

function snakeCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_')
}

const instruments: unique symbol = Symbol.for('code.instruments') as never
