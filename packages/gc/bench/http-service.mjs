import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { GcMonitor } from '../dist/index.js'

// A service that allocates: each order is parsed, made into rows, held for 10 ms as if a database were asked, and
// answered. The clients are a process of their own, without the heap flags of this one.

const warmUps = 1_000
const requests = 2_000

const server = createServer((request, response) => void answer(request, response))
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const clients = fork(
  fileURLToPath(new URL('http-clients.mjs', import.meta.url)),
  [String(server.address().port)],
  {
    execArgv: [],
  },
)
await drive(warmUps)
const monitor = new GcMonitor()
monitor.start()
const cpuBefore = process.cpuUsage()
const p99Ms = await drive(requests)
const { user, system } = process.cpuUsage(cpuBefore)
const { pauseMs, pauses, longestMs } = monitor.stats()
monitor.stop()
clients.disconnect()
server.close()
server.closeAllConnections()
console.log(
  JSON.stringify({
    gcMs: pauseMs,
    pauses,
    longestPauseMs: longestMs,
    cpuMsPerRequest: (user + system) / 1_000 / requests,
    p99Ms,
  }),
)

async function answer(request, response) {
  const { items } = JSON.parse(await text(request))
  const rows = items.map(({ id, name, tags, price }) => ({
    id,
    name: name.toUpperCase(),
    tags: tags.map((tag) => `${tag}-${id}`),
    price: price * 1.2,
  }))
  await wait(10)
  response.end(JSON.stringify({ rows }))
}

async function drive(count) {
  clients.send(count)
  const [p99] = await once(clients, 'message')
  return p99
}
