import { once } from 'node:events'
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { prefersOpenMetrics } from './accept.ts'
import { checkFunction, checkInteger, checkMs, checkName } from './check.ts'
import { MonitoringError } from './errors.ts'
import { getHealthMonitor, type HealthMonitor } from './health-monitor.ts'
import { writeInstruments } from './instruments.ts'
import { getMetricsCollector, MetricsCollector } from './metrics-collector.ts'
import { writeProcessMetrics } from './process-metrics.ts'
import type { CloseOptions, CloseReport, HealthReport } from './report.ts'
import { RuntimeSampler } from './runtime-sampler.ts'
import { takeSnapshot } from './snapshot.ts'

export type { CloseOptions, CloseReport, Holder } from './report.ts'
export type { MonitoringSnapshot } from './snapshot.ts'

export interface MonitoringServerOptions {
  /** Integer from 0 to 65,535; 0 takes a free one. */
  readonly port: number
  /** Address to listen on. Anyone who reaches it reads everything: there is no login. @default '127.0.0.1' */
  readonly host?: string | undefined
  /** @default getMetricsCollector() */
  readonly collector?: MetricsCollector | undefined
  /** @default getHealthMonitor() */
  readonly health?: HealthMonitor | undefined
  /** Asked by every `/health/ready` before the checks; false or a throw answers 503. @default always ready */
  readonly isReady?: (() => boolean) | undefined
}

/** Shows metrics and health of this process over HTTP. */
export interface MonitoringServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Answers 503 to `/health/ready` from now on, so that traffic goes elsewhere before the service closes. */
  goUnready(): void
  /**
   * Lets requests in flight end until the deadline, then cuts them off and names them as holders.
   * Idle connections are closed at once.
   */
  close(options?: CloseOptions): Promise<CloseReport>
}

/**
 * Serves `/metrics`, `/health/live`, `/health/ready` and `/snapshot.json`.
 *
 * @throws {MonitoringError} MONITORING_LISTEN when the port is taken or the host isn't ours.
 */
export async function startMonitoringServer(options: MonitoringServerOptions): Promise<MonitoringServer> {
  const { port, host = '127.0.0.1', isReady } = options
  checkInteger('port', port, 0, 65_535)
  checkName('host', host)
  if (isReady !== undefined) checkFunction('isReady', isReady)
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    const message = `can't listen on ${host}:${port}: ${(cause as Error).message}`
    throw new MonitoringError('MONITORING_LISTEN', message, { cause })
  }
  return new ListeningServer(server, options)
}

class ListeningServer implements MonitoringServer {
  readonly url: string
  readonly port: number
  readonly #server: Server
  readonly #collector: MetricsCollector
  readonly #health: HealthMonitor
  readonly #isReady: () => boolean
  readonly #runtime = new RuntimeSampler()
  readonly #inFlight = new Map<ServerResponse, { readonly label: string; readonly startedAt: number }>()
  readonly #routes: ReadonlyMap<string, Route>
  #unready = false
  #closing: Promise<CloseReport> | undefined
  #whenDrained: (() => void) | undefined

  constructor(server: Server, options: MonitoringServerOptions) {
    const { address, family, port } = server.address() as AddressInfo
    this.port = port
    this.url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
    this.#server = server
    this.#collector = options.collector ?? getMetricsCollector()
    this.#health = options.health ?? getHealthMonitor()
    this.#isReady = options.isReady ?? (() => true)
    this.#routes = new Map<string, Route>([
      ['/metrics', (request, response) => this.#metrics(request, response)],
      ['/health/live', (_, response) => sendJson(response, 200, healthy)],
      ['/health/ready', (_, response) => this.#ready(response)],
      ['/snapshot.json', (_, response) => this.#snapshot(response)],
    ])
    server.on('request', (request, response) => void this.#answer(request, response))
    // A connection that could not be accepted (no file descriptor left) is no reason to end the process.
    server.on('error', () => {})
  }

  goUnready(): void {
    this.#unready = true
  }

  close({ deadlineMs = 10_000 }: CloseOptions = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    return (this.#closing ??= this.#close(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    this.goUnready()
    const ended = once(this.#server, 'close')
    this.#server.close()
    if (this.#inFlight.size > 0) {
      const { promise: drainedOrLate, resolve } = Promise.withResolvers<void>()
      this.#whenDrained = resolve
      const timer = setTimeout(resolve, deadlineMs)
      await drainedOrLate
      clearTimeout(timer)
    }
    const now = performance.now()
    const holders = Array.from(this.#inFlight.values(), ({ label, startedAt }) =>
      Object.freeze({ heldMs: now - startedAt, label }),
    )
    this.#server.closeAllConnections()
    await ended
    this.#runtime[Symbol.dispose]()
    const ms = performance.now() - startedAt
    return Object.freeze({ closed: holders.length === 0, ms, holders: Object.freeze(holders) })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request
    const path = url.split('?', 1)[0]!
    this.#inFlight.set(response, { label: `${method} ${path}`, startedAt: performance.now() })
    response.once('close', () => {
      this.#inFlight.delete(response)
      if (this.#inFlight.size === 0) this.#whenDrained?.()
    })
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-content-type-options', 'nosniff')
    const route = this.#routes.get(path)
    if (route === undefined) return sendProblem(response, 404, `there is no ${path}`)
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return sendProblem(response, 405, `${path} answers GET and HEAD, not ${method}`)
    }
    try {
      await route(request, response)
    } catch (error) {
      // Past the headers, a cut connection is the only way to say that the answer is not whole.
      if (response.headersSent) response.destroy()
      else sendProblem(response, 500, String(error))
    }
  }

  async #metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const openMetrics = prefersOpenMetrics(request.headers.accept)
    response.setHeader('content-type', openMetrics ? openMetricsType : textType)
    response.setHeader('vary', 'accept')
    const current = new MetricsCollector({
      maxMetrics: Number.MAX_SAFE_INTEGER,
      maxSeriesPerMetric: Number.MAX_SAFE_INTEGER,
    })
    writeProcessMetrics(current, this.#runtime.read())
    writeInstruments(current)
    const format = openMetrics ? 'openmetrics' : 'prometheus'
    await pipeline(this.#collector.scrape({ format, also: [this.#runtime.metrics, current] }), response)
  }

  async #ready(response: ServerResponse): Promise<void> {
    const objection = this.#objection()
    const report =
      objection === undefined
        ? await this.#health.checkAll()
        : ({ isHealthy: false, checks: [], failures: [objection] } satisfies HealthReport)
    sendJson(response, report.isHealthy ? 200 : 503, report)
  }

  /** Why the service is not ready, whatever its checks may say. */
  #objection(): string | undefined {
    try {
      return this.#unready || !this.#isReady() ? 'not ready' : undefined
    } catch (error) {
      return `not ready: ${String(error)}`
    }
  }

  async #snapshot(response: ServerResponse): Promise<void> {
    sendJson(response, 200, await takeSnapshot(this.#collector, this.#health, this.#runtime.read()))
  }
}

type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

const textType = 'text/plain; version=0.0.4; charset=utf-8'
const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

const healthy: HealthReport = { isHealthy: true, checks: [], failures: [] }

function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type })
  response.end(JSON.stringify(body))
}

/** RFC 9457. */
function sendProblem(response: ServerResponse, status: number, detail: string): void {
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail }
  sendJson(response, status, problem, 'application/problem+json')
}
