import { describe } from './check.ts'

/** What one request asks of the target. */
export interface LoadRequest {
  /** Path and query, percent-encoded, from the root of the target: `/ask?q=rain`. */
  readonly path: string
  /** @default 'GET' */
  readonly method?: string | undefined
  /** Sent as given, beside `Host` and `Content-Length`. `Connection: close` makes it the last on its connection. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | undefined
}

/** Where the requests of a run come from: an array is drawn in order, again and again; others until they end. */
export type LoadRequests = Iterable<LoadRequest> | (() => LoadRequest)

/** A request as it goes over the wire. */
export interface EncodedRequest {
  readonly request: LoadRequest
  readonly bytes: Buffer
  /** A HEAD request: its response has no body whatever its headers say. */
  readonly isHead: boolean
  /** The connection must not be used again. */
  readonly close: boolean
  /** It may be sent once more when nobody knows whether it arrived: idempotent (RFC 9110 §9.2.2), without body. */
  readonly isRepeatable: boolean
}

/** Draws the requests of one run. */
export interface RequestSource {
  /** The next request, `undefined` when there are no more. */
  next(): EncodedRequest | undefined
  close(): void
}

/**
 * Prepares to draw requests, once for every run. An array is checked and encoded here and now.
 * @throws {TypeError} when a request cannot be written as HTTP.
 */
export function requestSource(requests: LoadRequests, host: string): () => RequestSource {
  if (typeof requests === 'function') {
    return () => ({ next: () => encodeRequest(requests(), host), close: () => {} })
  }
  if (Array.isArray(requests)) {
    if (requests.length === 0) throw new RangeError('requests must hold at least one request, got none')
    const encoded = (requests as readonly LoadRequest[]).map((request) => encodeRequest(request, host))
    return () => {
      let drawn = 0
      return { next: () => encoded[drawn++ % encoded.length], close: () => {} }
    }
  }
  if (typeof requests?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`requests must be an iterable or a function, got ${describe(requests)}`)
  }
  return () => {
    const iterator = requests[Symbol.iterator]()
    return {
      next() {
        const { done, value } = iterator.next()
        return done === true ? undefined : encodeRequest(value, host)
      },
      close: () => void iterator.return?.(),
    }
  }
}

/** Writes a request as HTTP/1.1. @throws {TypeError} when it cannot be. */
export function encodeRequest(request: LoadRequest, host: string): EncodedRequest {
  const { path, method = 'GET', headers, body } = request
  if (!isPath.test(path)) {
    throw new TypeError(`path must start with / and be percent-encoded, got ${describe(path)}`)
  }
  if (!isToken.test(method) || method === 'CONNECT') {
    throw new TypeError(`method must be an HTTP method other than CONNECT, got ${describe(method)}`)
  }
  const fields = headers === undefined ? undefined : encodeHeaders(headers)
  let head = `${method} ${path} HTTP/1.1\r\n${fields?.hasHost === true ? '' : `Host: ${host}\r\n`}${fields?.text ?? ''}`
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  // RFC 9110 §8.6: a method that expects content says so even when there is none.
  if (bytes !== undefined || expectsBody.has(method)) head += `Content-Length: ${bytes?.byteLength ?? 0}\r\n`
  const start = Buffer.from(`${head}\r\n`, 'latin1')
  return {
    request,
    bytes: bytes === undefined ? start : Buffer.concat([start, bytes]),
    isHead: method === 'HEAD',
    close: fields?.close ?? false,
    isRepeatable: idempotent.has(method) && bytes === undefined,
  }
}

function encodeHeaders(headers: Readonly<Record<string, string>>) {
  let text = ''
  let hasHost = false
  let close = false
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    if (!isToken.test(name) || !isFieldValue.test(value)) {
      throw new TypeError(`header ${JSON.stringify(name)} cannot be sent as ${JSON.stringify(value)}`)
    }
    if (lower === 'content-length' || lower === 'transfer-encoding') {
      throw new TypeError(`header ${name} must be left out: it follows from the body`)
    }
    hasHost ||= lower === 'host'
    close ||= lower === 'connection' && /\bclose\b/i.test(value)
    text += `${name}: ${value}\r\n`
  }
  return { text, hasHost, close }
}

const isPath = /^\/[!"$-~]*$/
const isToken = /^[\w!#$%&'*+.^`|~-]+$/
const isFieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
const expectsBody = new Set(['POST', 'PUT', 'PATCH'])
