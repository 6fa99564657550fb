import { createPool } from 'generic-pool'
import { packages } from './heavy-packages.mjs'
import { Client, serveRequests } from './serve-requests.mjs'

// What a competent team does: a pool of eight, and imports at the top.
const clients = createPool({ create: async () => new Client(), destroy: async () => {} }, { max: 8 })

await serveRequests(
  (request) => clients.use((client) => client.answer(request)),
  (text) => packages.pg.escapeLiteral(text),
)
await clients.drain()
await clients.clear()
