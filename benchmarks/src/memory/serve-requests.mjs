import { setTimeout as sleep } from 'node:timers/promises'

const requests = 4000
const inFlight = 64
const megabyte = 2 ** 20

/** A client as the guide has it: it owns a megabyte, and whoever answers with it fills all of that. */
export class Client {
  #scratch = Buffer.alloc(megabyte)

  async answer(request) {
    this.#scratch.fill(request & 0xff)
    // What it waits for: a database, another service.
    await sleep(2)
    return this.#scratch[request] + this.#scratch[megabyte - 1]
  }
}

/**
 * Serves 4,000 requests, 64 at a time; one in a hundred needs the package `pg`. Says how much memory that took
 * beyond an empty process, whose peak comes as the first argument.
 */
export async function serveRequests(answer, usePg) {
  let next = 0
  let sum = 0
  const user = async () => {
    while (next < requests) {
      const request = next++
      sum += await answer(request)
      if (request % 100 === 0) sum += usePg(`'${request}'`).length
    }
  }
  await Promise.all(Array.from({ length: inFlight }, user))
  const peakBytes = process.resourceUsage().maxRSS * 1024
  console.log(JSON.stringify({ sum, aboveEmptyBytes: peakBytes - Number(process.argv[2]) }))
}
