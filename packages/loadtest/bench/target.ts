import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

// The cheapest target there is, so that what the bench sees is the generator: one write for each read.
const response = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n' +
    'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 17\r\n\r\n{"hello":"world"}',
)
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  socket.on('data', () => socket.write(response))
})
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${(server.address() as AddressInfo).port}`)
})
