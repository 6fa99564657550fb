import { createServer } from 'node:http'

// 200 bytes of JSON, from a process of its own: as near to a real neighbour as one machine allows.
const body = JSON.stringify({ id: 1, name: 'Copenhagen', text: 'x'.repeat(160) })

const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
})
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`))
