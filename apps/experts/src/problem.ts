import type { ServerResponse } from 'node:http'

/** An answer that is a problem document (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly title: string

  constructor(status: number, title: string, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.status = status
    this.title = title
  }
}

/** What went wrong, in words for the one who asked: an outage is told from a fault of ours. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isOutage(error)) {
    return new Problem(503, 'Try again soon', 'a service that the answer needs did not answer in time', {
      cause: error,
    })
  }
  return new Problem(500, 'Our fault', 'the question could not be answered', { cause: error })
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const { status, title, message: detail } = problem
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    ...(status === 503 && { 'retry-after': '1' }),
  })
  response.end(JSON.stringify({ type: 'about:blank', title, status, detail }))
}

/** Codes of our packages, of Node.js, and the SQLSTATE classes of a server that stops or has no room. */
const outage = /^(POOL|CONNECTIONS|CACHE)_|^E(?!RR_)[A-Z_]+$|^UND_ERR|^(08|53|57)\w{3}$/

function isOutage(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as { code?: unknown }
    if (typeof code === 'string' && outage.test(code) && code !== 'CONNECTIONS_QUERY') return true
    if (each.name === 'TimeoutError' || each.message === 'Connection terminated unexpectedly') return true
  }
  return false
}
