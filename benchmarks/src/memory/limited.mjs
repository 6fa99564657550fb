import { packages } from './heavy-packages.mjs'
import { Client, serveRequests } from './serve-requests.mjs'

// A client for every request still, but eight at a time: what limiting alone does.
const waiting = []
let free = 8

await serveRequests(
  async (request) => {
    if (free > 0) free--
    else await new Promise((resolve) => waiting.push(resolve))
    try {
      return await new Client().answer(request)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  },
  (text) => packages.pg.escapeLiteral(text),
)
