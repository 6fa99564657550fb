import { Agent, request } from 'node:http'

// 64 clients on keep-alive connections, as many requests as the message says; answers with their p99 in milliseconds.

const port = Number(process.argv[2])
const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const items = Array.from({ length: 200 }, (_, id) => ({
  id,
  name: `item number ${id}`,
  price: id * 1.5,
  tags: ['red', 'green', 'blue'],
}))
const body = Buffer.from(JSON.stringify({ items }))

process.on('message', (count) => void drive(count))
process.on('disconnect', () => agent.destroy())

async function drive(count) {
  const latencies = []
  let left = count
  const client = async () => {
    while (left-- > 0) latencies.push(await timeOfOne())
  }
  await Promise.all(Array.from({ length: agent.maxSockets }, client))
  latencies.sort((a, b) => a - b)
  process.send(latencies[Math.floor(latencies.length * 0.99)])
}

function timeOfOne() {
  const startedAt = performance.now()
  const options = {
    agent,
    port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { 'content-length': body.length },
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      response.on('end', () => resolve(performance.now() - startedAt)).resume()
    })
    sent.on('error', reject).end(body)
  })
}
