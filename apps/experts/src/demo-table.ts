import type { DriveFigures } from './drive.ts'
import type { Variant } from './service.ts'

export interface Row {
  readonly name: string
  readonly variant: Variant
  readonly cache: boolean
  readonly figures: DriveFigures
}

/** The rows as a table, each with its ratios to the first, the naive one. */
export function formatTable(rows: readonly Row[]): string {
  const [naive] = rows
  const head = [
    '',
    'req/s',
    'avg ms',
    'p50',
    'p95',
    'p99',
    'peak RSS',
    'CPU/req',
    'hits',
    'errors',
    'req/s',
    'p50',
    'p95',
  ]
  const body = rows.map(({ name, cache, figures: f }) => [
    name,
    f.rps.toFixed(0),
    f.avgMs.toFixed(2),
    f.p50Ms.toFixed(2),
    f.p95Ms.toFixed(2),
    f.p99Ms.toFixed(2),
    `${(f.peakRssBytes / 2 ** 20).toFixed(0)} MB`,
    `${f.cpuMsPerRequest.toFixed(2)} ms`,
    cache ? `${(f.hitRatio * 100).toFixed(0)} %` : '–',
    String(f.errors),
    `${(f.rps / naive!.figures.rps).toFixed(1)}x`,
    lessBy(f.p50Ms, naive!.figures.p50Ms),
    lessBy(f.p95Ms, naive!.figures.p95Ms),
  ])
  const cells = [head, ...body]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
  return [lines[0], '-'.repeat(lines[0]!.length), ...lines.slice(1)].join('\n')
}

/** How a variant is called in print. */
export function nameOf(variant: Variant, cache: boolean): string {
  if (variant === 'naive') return variant
  return `${variant}, cache ${cache ? 'on' : 'off'}`
}

/** What the composed service must reach beside the naive one. */
export function verdicts(rows: readonly Row[]): string[] {
  const naive = rows.find((row) => row.variant === 'naive')!.figures
  const on = rows.find((row) => row.variant === 'composed' && row.cache)!.figures
  const off = rows.find((row) => row.variant === 'composed' && !row.cache)!.figures
  return [
    verdict(
      'response time p50 at least 67 % lower',
      on.p50Ms <= naive.p50Ms * 0.33,
      lessBy(on.p50Ms, naive.p50Ms),
    ),
    verdict(
      'response time p95 at least 67 % lower',
      on.p95Ms <= naive.p95Ms * 0.33,
      lessBy(on.p95Ms, naive.p95Ms),
    ),
    verdict('throughput at least 5x', on.rps >= naive.rps * 5, `${(on.rps / naive.rps).toFixed(1)}x`),
    verdict(
      'without cache, p50 at least 60 % lower',
      off.p50Ms <= naive.p50Ms * 0.4,
      lessBy(off.p50Ms, naive.p50Ms),
    ),
    verdict(
      'no errors',
      rows.every(({ figures }) => figures.errors === 0),
      rows.map(({ figures }) => figures.errors).join(', '),
    ),
  ]
}

function verdict(claim: string, held: boolean, measured: string): string {
  return `${held ? 'held  ' : 'MISSED'}  ${claim}: ${measured}`
}

function lessBy(value: number, than: number): string {
  if (value === than) return '–'
  return `${value <= than ? '−' : '+'}${Math.abs((1 - value / than) * 100).toFixed(1)} %`
}
