import { fileURLToPath } from 'node:url'
import { getHttpSession } from '@code/connections/http'
import { superviseProcess, type Benchmark } from '@code/testkit'
import { Agent, request } from 'undici'
import { closedLoop, plainFigures } from './closed-loop.ts'
import type { Extent } from './extent.ts'

interface City {
  readonly name: string
}

/** Small JSON from a server in a process of its own. */
export async function measureHttp(suite: Benchmark, extent: Extent): Promise<void> {
  const node = await superviseProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL('http-server.mjs', import.meta.url))],
    ready: (line) => line.startsWith('listening on'),
  })
  const origin = `http://127.0.0.1:${/listening on (\d+)/.exec(node.output())?.[1]}`
  const session = getHttpSession(origin, { maxConnections: 32 })
  const dispatcher = new Agent({ connections: 32 })

  for (const inFlight of [1, 32]) {
    const arm = (get: () => Promise<City>) => async (): Promise<ReturnType<typeof plainFigures>> =>
      plainFigures(await closedLoop({ inFlight, forMs: extent.sampleMs, call: () => checked(get) }))
    const measured = await suite.samples({
      title: `GET of 200 bytes of JSON, ${inFlight} in flight`,
      rounds: extent.rounds,
      arms: {
        'global fetch': arm(async () => (await fetch(`${origin}/city/1`)).json() as Promise<City>),
        'undici.request': arm(
          async () => (await request(`${origin}/city/1`, { dispatcher })).body.json() as Promise<City>,
        ),
        ours: arm(async () => (await session.get('/city/1')).json<City>()),
      },
      higherIsBetter: ['rps'],
    })
    const ours = { in: measured, metric: 'rps', arm: 'ours' } as const
    suite.atLeast({ ...ours, timesBetterThan: 0.9, than: 'undici.request' })
    suite.atLeast({ ...ours, timesBetterThan: 1.5, than: 'global fetch' })
  }

  await session.close()
  await dispatcher.close()
  await node.stop()
}

async function checked(get: () => Promise<City>): Promise<void> {
  if ((await get()).name !== 'Copenhagen') throw new Error('not what the server sends')
}
