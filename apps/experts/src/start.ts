import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { watchOriginalParent } from './original-parent.ts'
import type { Variant } from './service.ts'
import { startStack } from './stack.ts'

// `pnpm start [--naive | --rivals] [--port 8080]`: serves until Ctrl-C.

const { values } = parseArgs({
  options: {
    naive: { type: 'boolean', default: false },
    rivals: { type: 'boolean', default: false },
    port: { type: 'string', default: '8080' },
  },
})
const variant: Variant = values.naive ? 'naive' : values.rivals ? 'rivals' : 'composed'

watchOriginalParent(() => process.exit(1))
const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')])
const running = serveUntil(stop)
await Promise.race([running, stop])
await running

async function serveUntil(stop: Promise<unknown>): Promise<void> {
  await using stack = await startStack(console.log)
  await using service = await stack.serve({ variant, port: Number(values.port) })
  console.log(`\n${variant}: ${service.origin}/ask?expert=places&q=san+fran`)
  if (service.monitoringUrl !== undefined) {
    for (const path of ['/metrics', '/health/ready', '/health/live', '/snapshot.json']) {
      console.log(`          ${service.monitoringUrl}${path}`)
    }
  }
  console.log('Ctrl-C ends it.')
  await Promise.race([stop, service.exited])
}
