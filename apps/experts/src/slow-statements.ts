import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { MetricsCollector } from '@code/monitoring'

/** What `@code/connections` tells of a statement that took longer than its pool's `slowMs`. */
interface SlowStatement {
  readonly pool: string
  readonly text: string
  readonly ms: number
}

const slowChannel = 'code:connections:slow'
const metric = 'experts_slow_statement_seconds'
const printedEveryMs = 1000

/** Shows slow statements until it is disposed: all of them in the metrics, and at most one a second in print. */
export function showSlowStatements(metrics: MetricsCollector): Disposable {
  metrics.describe(metric, { help: 'Statements slower than they should be.', unit: 'seconds' })
  let printedAt = -Infinity
  const show = (message: unknown): void => {
    const { pool, text, ms } = message as SlowStatement
    metrics.histogram(metric, ms / 1000, { pool })
    const now = performance.now()
    if (now - printedAt < printedEveryMs) return
    printedAt = now
    console.error(`${pool}: ${ms.toFixed(0)} ms for ${text.replaceAll(/\s+/g, ' ').trim()}`)
  }
  subscribe(slowChannel, show)
  return { [Symbol.dispose]: () => void unsubscribe(slowChannel, show) }
}
