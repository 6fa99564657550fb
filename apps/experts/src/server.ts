import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { MemoryMonitor } from '@code/monitoring'
import { Problem, problemOf, sendProblem } from './problem.ts'
import { readQuestion } from './question.ts'
import type { Service } from './service.ts'

/** `GET /ask?expert=…&q=…` answers a question; `GET /usage` tells what the process has used so far. */
export function createExpertsServer(service: Service): Server {
  return createServer({ maxHeaderSize }, (request, response) => {
    serve(service, request, response).catch((error: unknown) => {
      const problem = problemOf(error)
      if (problem.status === 500) console.error(problem.cause)
      sendProblem(response, problem)
    })
  })
}

const memory = new MemoryMonitor()

/** CPU time, peak memory and cache counts of a serving process. */
export interface Usage {
  readonly cpuMs: number
  readonly peakRssBytes: number
  readonly hits: number
  readonly misses: number
}

/** A question of 10 KB is answered with a problem, percent-encoded too: every byte of it may take three. */
const maxHeaderSize = 64 * 1024

async function serve(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, parameters } = readTarget(request.url ?? '/')
  if (pathname !== '/ask' && pathname !== '/usage') {
    throw new Problem(404, 'Nothing here', `ask at /ask?expert=…&q=…, not at ${pathname}`)
  }
  if (request.method !== 'GET') throw new Problem(405, 'Only GET', `${request.method} is not GET`)
  const body = pathname === '/ask' ? await service.answer(readQuestion(parameters)) : usageOf(service)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
}

function readTarget(target: string): { pathname: string; parameters: URLSearchParams } {
  const question = target.indexOf('?')
  return question < 0
    ? { pathname: target, parameters: new URLSearchParams() }
    : { pathname: target.slice(0, question), parameters: new URLSearchParams(target.slice(question + 1)) }
}

function usageOf(service: Service): Buffer {
  const { user, system } = process.cpuUsage()
  const usage: Usage = {
    cpuMs: (user + system) / 1000,
    peakRssBytes: memory.getCurrentMetrics().peakMb * 2 ** 20,
    ...service.cacheCounts(),
  }
  return Buffer.from(JSON.stringify(usage))
}
