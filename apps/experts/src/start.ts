import { parseArgs } from 'node:util'
import type { Variant } from './service.ts'
import { startStack } from './stack.ts'

// `pnpm start [--naive | --rivals] [--port 8080]`: serves until Ctrl-C. What it started ends with it.

const { values } = parseArgs({
  options: {
    naive: { type: 'boolean', default: false },
    rivals: { type: 'boolean', default: false },
    port: { type: 'string', default: '8080' },
  },
})
const variant: Variant = values.naive ? 'naive' : values.rivals ? 'rivals' : 'composed'
const port = Number(values.port)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  throw new RangeError(`--port must be an integer from 0 to 65535, got '${values.port}'`)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(0))

await using stack = await startStack(console.log)
await using service = await stack.serve({ variant, port })
console.log(`\n${variant}: ${service.origin}/ask?expert=places&q=san+fran`)
if (service.monitoringUrl !== undefined) {
  for (const path of ['/metrics', '/health/ready', '/health/live', '/snapshot.json']) {
    console.log(`          ${service.monitoringUrl}${path}`)
  }
}
console.log('Ctrl-C ends it.')
await service.exited
console.error(`the service ended by itself\n${service.output()}`)
process.exitCode = 1
