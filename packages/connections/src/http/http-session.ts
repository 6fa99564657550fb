import { checkInteger, checkMs, describe, withDefaults } from '../check.ts'
import { closeDefaults, type CloseOptions, type CloseReport, type Holder } from '../report.ts'
import { Exchange, sessionClosed, type ExchangeRequest, type HttpBody, type HttpMethod } from './exchange.ts'
import type { HttpResponse, HttpStreamResponse } from './http-response.ts'
import { SharedAgent } from './shared-agent.ts'

/** How a session connects, and what its requests start from. */
export interface HttpSessionOptions {
  /** The name in telemetry. @default the origin, or 'http' */
  readonly name?: string | undefined
  /** Most connections to one origin; requests beyond wait. Integer from 1. @default 64 */
  readonly maxConnections?: number | undefined
  /** How long an idle connection is kept, in milliseconds; a server's shorter hint wins. @default 4_000 */
  readonly keepAliveTimeoutMs?: number | undefined
  /** How long connecting may take, in milliseconds. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined
  /** How long a whole exchange may take, from the call to the end of the body, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined
  /** Largest body that is buffered, in bytes. Integer from 0. @default 10_485_760 */
  readonly maxBodyBytes?: number | undefined
  /** Sent with every request. @default {} */
  readonly headers?: HttpRequestHeaders | undefined
}

/** What one request carries. */
export interface HttpRequestOptions {
  /** @default 'GET' */
  readonly method?: HttpMethod | undefined
  /** Sent as the body, with `content-type: application/json`. */
  readonly json?: unknown
  /** Sent as it is. A stream or iterable is never sent twice. */
  readonly body?: HttpBody | undefined
  /** Added to the url's query. `undefined` is left out; an array repeats the name. */
  readonly query?:
    | Readonly<Record<string, HttpQueryValue | readonly HttpQueryValue[] | undefined>>
    | undefined
  readonly headers?: HttpRequestHeaders | undefined
  readonly signal?: AbortSignal | undefined
  /** @default the session's */
  readonly timeoutMs?: number | undefined
  /** Hand the body over as it arrives instead of buffering it. @default false */
  readonly stream?: boolean | undefined
  /** Has no effect on a stream. @default the session's */
  readonly maxBodyBytes?: number | undefined
}

type HttpRequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>
type HttpQueryValue = string | number | boolean | bigint

/** `{ stream: true }` gives an `HttpStreamResponse`, all else an `HttpResponse`. */
export type HttpResponseFor<O> = O extends { readonly stream: true } ? HttpStreamResponse : HttpResponse

export type HttpSessionStats = Readonly<ReturnType<SharedAgent['stats']>>

const defaults = {
  maxConnections: 64,
  keepAliveTimeoutMs: 4_000,
  connectTimeoutMs: 5_000,
  timeoutMs: 10_000,
  maxBodyBytes: 10 * 1024 * 1024,
}

/**
 * A handle on the warm connections to one origin, or to any when none is given. Handles with the same origin
 * and connection options share their connections; each is closed for itself, and the last one closes them.
 */
export function getHttpSession(origin?: string | URL, options: HttpSessionOptions = {}): HttpSession {
  return new PooledHttpSession(origin === undefined ? undefined : originOf(origin), options)
}

/** What `getHttpSession` gives. */
export interface HttpSession extends AsyncDisposable {
  /**
   * Sends a request and resolves with the response, whatever its status. Redirects are not followed.
   * @throws {ConnectionsError} CONNECTIONS_TIMEOUT, CONNECTIONS_REFUSED, CONNECTIONS_LOST,
   * CONNECTIONS_BODY_TOO_LARGE or CONNECTIONS_CLOSED
   */
  request<const O extends HttpRequestOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  get<const O extends BodylessOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  delete<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  post<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  put<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  patch<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>>
  /** The figures of the shared connections: those of all handles together. */
  stats(): HttpSessionStats
  /** Refuses new requests, waits for those of this handle, and at the deadline aborts them. */
  close(options?: CloseOptions): Promise<CloseReport>
}

type VerbOptions = Omit<HttpRequestOptions, 'method'>
type BodylessOptions = Omit<VerbOptions, 'json' | 'body'>

class PooledHttpSession implements HttpSession {
  readonly #origin: string | undefined
  readonly #options: HttpSessionOptions & typeof defaults
  readonly #agent: SharedAgent
  readonly #inFlight = new Set<Exchange>()
  #closing: Promise<CloseReport> | undefined
  #onIdle: (() => void) | undefined

  constructor(origin: string | undefined, options: HttpSessionOptions) {
    const checked = withDefaults(defaults, options)
    checkInteger('maxConnections', checked.maxConnections, 1)
    checkInteger('maxBodyBytes', checked.maxBodyBytes, 0)
    checkMs('keepAliveTimeoutMs', checked.keepAliveTimeoutMs)
    checkMs('connectTimeoutMs', checked.connectTimeoutMs)
    checkMs('timeoutMs', checked.timeoutMs)
    this.#origin = origin
    this.#options = checked
    this.#agent = SharedAgent.join({
      name: checked.name ?? origin ?? 'http',
      maxConnections: checked.maxConnections,
      keepAliveTimeoutMs: checked.keepAliveTimeoutMs,
      connectTimeoutMs: checked.connectTimeoutMs,
    })
  }

  request<const O extends HttpRequestOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send(options?.method ?? 'GET', url, options)
  }

  get<const O extends BodylessOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send('GET', url, options)
  }

  delete<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send('DELETE', url, options)
  }

  post<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send('POST', url, options)
  }

  put<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send('PUT', url, options)
  }

  patch<const O extends VerbOptions>(url: string | URL, options?: O): Promise<HttpResponseFor<O>> {
    return this.#send('PATCH', url, options)
  }

  stats(): HttpSessionStats {
    return Object.freeze(this.#agent.stats())
  }

  close({ deadlineMs = closeDefaults.deadlineMs }: CloseOptions = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    return (this.#closing ??= this.#close(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #send<O extends VerbOptions>(
    method: HttpMethod,
    url: string | URL,
    options: O | undefined,
  ): Promise<HttpResponseFor<O>> {
    const request = this.#prepare(method, url, options ?? {})
    if (this.#closing !== undefined) throw sessionClosed(`${method} ${request.origin}${request.path}`)
    request.signal?.throwIfAborted()
    const exchange = new Exchange(request, this.#agent.dispatch, this.#onEnd)
    // One that the transport refused at once has ended already.
    if (!exchange.over) this.#inFlight.add(exchange)
    return exchange.response as Promise<HttpResponseFor<O>>
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    if (this.#inFlight.size > 0) {
      const deadline = Promise.withResolvers<void>()
      const timer = setTimeout(deadline.resolve, deadlineMs)
      this.#onIdle = deadline.resolve
      await deadline.promise
      clearTimeout(timer)
    }
    const holders = Array.from(this.#inFlight, ({ heldMs, label }): Holder =>
      Object.freeze({ heldMs, label }),
    )
    for (const exchange of this.#inFlight) exchange.cancel(sessionClosed(exchange.label, true))
    await this.#agent.leave()
    const ms = performance.now() - startedAt
    return Object.freeze({ closed: holders.length === 0, ms, holders: Object.freeze(holders) })
  }

  readonly #onEnd = (exchange: Exchange): void => {
    this.#inFlight.delete(exchange)
    if (this.#inFlight.size === 0) this.#onIdle?.()
  }

  #prepare(method: HttpMethod, url: string | URL, options: VerbOptions): ExchangeRequest {
    const { stream = false, signal } = options
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs
    const maxBodyBytes = options.maxBodyBytes ?? this.#options.maxBodyBytes
    checkMs('timeoutMs', timeoutMs)
    checkInteger('maxBodyBytes', maxBodyBytes, 0)
    const target = this.#resolve(url, options.query)
    const headers = { ...lowerCased(this.#options.headers), ...lowerCased(options.headers) }
    let body = options.body ?? null
    if (options.json !== undefined) {
      if (body !== null) throw new TypeError('a request carries json or body, not both')
      body = jsonOf(options.json)
      headers['content-type'] ??= 'application/json'
    }
    const { origin, pathname, search } = target
    return { origin, path: pathname + search, method, headers, body, stream, timeoutMs, maxBodyBytes, signal }
  }

  #resolve(url: string | URL, query: HttpRequestOptions['query']): URL {
    const target = parse(url, this.#origin)
    // The session's headers may hold a secret that is meant for its origin alone.
    if (this.#origin !== undefined && target.origin !== this.#origin) {
      throw new TypeError(`this session is for ${this.#origin}, got ${describe(String(url))}`)
    }
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) target.searchParams.append(name, String(one))
      }
    }
    return target
  }
}

function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined)
    throw new TypeError(`json must be a value that JSON can say, got ${describe(value)}`)
  return text
}

function originOf(origin: string | URL): string {
  const url = parse(origin)
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new TypeError(`origin must be a scheme, a host and a port, got ${describe(String(origin))}`)
  }
  return url.origin
}

function parse(url: string | URL, base?: string): URL {
  const parsed = URL.parse(String(url), base)
  if (parsed === null || !parsed.protocol.startsWith('http')) {
    const hint = base === undefined ? ' (only a session with an origin takes a path)' : ''
    throw new TypeError(`url must be an http or https url, got ${describe(String(url))}${hint}`)
  }
  return parsed
}

function lowerCased(headers: HttpRequestHeaders = {}): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name.toLowerCase()] = typeof value === 'string' ? value : [...value]
  }
  return result
}
