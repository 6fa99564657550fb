import { packages } from './heavy-packages.mjs'
import { Client, serveRequests } from './serve-requests.mjs'

// A client for every request.
await serveRequests(
  (request) => new Client().answer(request),
  (text) => packages.pg.escapeLiteral(text),
)
