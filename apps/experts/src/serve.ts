import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { listen } from './listen.ts'
import { placesUrl } from './places.ts'
import { createExpertsServer } from './server.ts'
import { variants, type Service, type ServiceOptions, type Variant } from './service.ts'

// One serving process: `node serve.ts --variant composed [--no-cache] [--port 8080]`, with DATABASE_URL and
// ATLAS_URL in the environment. Each variant is imported only where it serves, so that none weighs on another.

const { values } = parseArgs({
  options: {
    variant: { type: 'string', default: 'composed' },
    'no-cache': { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
  },
})

const service = await open(variantOf(values.variant), {
  databaseUrl: placesUrl(process.env['DATABASE_URL'] ?? 'postgres://'),
  atlasUrl: process.env['ATLAS_URL'] ?? '',
  cache: !values['no-cache'],
})
const server = createExpertsServer(service)
const origin = await listen(server, Number(values.port))
service.lifecycle?.add(server, { name: 'http' })
console.log(`ready ${JSON.stringify({ origin, monitoringUrl: service.monitoringUrl })}`)

if (service.lifecycle === undefined) {
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  server.close()
  server.closeAllConnections()
  await service[Symbol.asyncDispose]()
  process.exit()
}

async function open(variant: Variant, options: ServiceOptions): Promise<Service> {
  if (variant === 'naive') return (await import('./naive.ts')).openNaive(options)
  if (variant === 'rivals') return (await import('./rivals.ts')).openRivals(options)
  return (await import('./composed.ts')).openComposed(options)
}

function variantOf(name: string): Variant {
  const variant = variants.find((each) => each === name)
  if (variant === undefined)
    throw new RangeError(`--variant must be one of ${variants.join(', ')}, got ${name}`)
  return variant
}
