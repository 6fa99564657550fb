import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { MemoryMonitor } from '@code/monitoring'
import { Problem, problemOf, sendProblem } from './problem.ts'
import { readFormat, readQuestion } from './question.ts'
import type { Service } from './service.ts'
import { spreadsheetType } from './spreadsheet.ts'

/**
 * `GET /ask?expert=…&q=…` answers a question, with `format=xlsx` as a spreadsheet; `GET /usage` tells what the
 * process has used so far.
 */
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
  const [type, body] = pathname === '/ask' ? await ask(service, parameters) : [json, usageOf(service)]
  response.writeHead(200, { 'content-type': type, 'content-length': body.length })
  response.end(body)
}

const json = 'application/json'

async function ask(service: Service, parameters: URLSearchParams): Promise<[type: string, body: Buffer]> {
  const format = readFormat(parameters)
  const answer = await service.answer(readQuestion(parameters))
  return format === 'json' ? [json, answer] : [spreadsheetType, await service.spreadsheet(answer)]
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
