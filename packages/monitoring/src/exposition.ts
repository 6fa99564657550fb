import { setImmediate } from 'node:timers/promises'
import type { MetricFamily } from './metric-family.ts'
import type { ExpositionFormat, Series } from './series.ts'

/**
 * Prometheus text 0.0.4 or OpenMetrics 1.0, in pieces of about 16 KiB with a turn of the event loop after
 * each: whoever else has work waits for one piece, not for all series. A histogram is never torn.
 */
export async function* exposition(
  families: Iterable<MetricFamily<Series>>,
  format: ExpositionFormat,
): AsyncGenerator<string, void, undefined> {
  let text = ''
  for (const family of families) {
    text += family.header(format)
    const name = family.sampleName
    for (const series of family.series()) {
      text += series.write(name, format)
      if (text.length < pieceLength) continue
      yield text
      text = ''
      await setImmediate()
    }
  }
  if (format === 'openmetrics') text += '# EOF\n'
  if (text !== '') yield text
}

const pieceLength = 16 * 1024
