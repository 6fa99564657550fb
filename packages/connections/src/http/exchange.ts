import { Readable } from 'node:stream'
import { ConnectionsError } from '../errors.ts'
import { httpChannel, type HttpMessage } from '../telemetry.ts'
import { HttpResponse, isOk, type HttpHeaders, type HttpStreamResponse } from './http-response.ts'

export type HttpMethod = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type HttpBody = string | Uint8Array | Readable | AsyncIterable<Uint8Array>

/** What goes out, checked and complete. */
export interface ExchangeRequest {
  readonly origin: string
  readonly path: string
  readonly method: HttpMethod
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: HttpBody | null
  readonly stream: boolean
  readonly timeoutMs: number
  readonly maxBodyBytes: number
  readonly signal: AbortSignal | undefined
}

/** The hold that the transport gives on one attempt. */
export interface ExchangeController {
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/**
 * One request and its response, over one or two attempts. It settles in time whatever the transport does:
 * a request still in the transport's queue is answered at once and aborted when its turn comes.
 */
export class Exchange {
  readonly request: ExchangeRequest
  readonly response: Promise<HttpResponse | HttpStreamResponse>
  readonly #dispatch: (exchange: Exchange) => void
  readonly #onEnd: (exchange: Exchange) => void
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #resolve!: (response: HttpResponse | HttpStreamResponse) => void
  #reject!: (reason: unknown) => void
  #controller: ExchangeController | undefined
  #status = 0
  #headers: HttpHeaders = {}
  #chunks: Buffer[] = []
  #bytes = 0
  #body: Readable | undefined
  #thrownByBody: { readonly error: unknown } | undefined
  #retries = 0
  #over = false

  constructor(
    request: ExchangeRequest,
    dispatch: (exchange: Exchange) => void,
    onEnd: (exchange: Exchange) => void,
  ) {
    this.request = { ...request, body: this.#watch(request.body) }
    this.#dispatch = dispatch
    this.#onEnd = onEnd
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#timer = setTimeout(() => this.cancel(this.#timeout()), request.timeoutMs)
    request.signal?.addEventListener('abort', this.#onAbort)
    dispatch(this)
  }

  get over(): boolean {
    return this.#over
  }

  get retries(): number {
    return this.#retries
  }

  get heldMs(): number {
    return performance.now() - this.#startedAt
  }

  get label(): string {
    const { method, origin, path } = this.request
    return `${method} ${origin}${path}`
  }

  /** Ends it now, for this reason, and gives its connection up. */
  cancel(reason: unknown): void {
    if (this.#over) return
    this.#end(false, reason)
    this.#controller?.abort(asError(reason))
  }

  onRequestStart(controller: ExchangeController): void {
    if (this.#over) controller.abort(new Error('the caller has given up'))
    else this.#controller = controller
  }

  onResponseStart(controller: ExchangeController, status: number, headers: HttpHeaders): void {
    if (this.#over || status < 200) return
    this.#status = status
    this.#headers = headers
    if (!this.request.stream) return

    const body = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        this.cancel(error ?? new Error('the body was given up'))
        done(error)
      },
    })
    // Whoever reads the body meets the error there; one that nobody reads must not end the process.
    body.on('error', () => {})
    this.#body = body
    this.#resolve({ status, ok: isOk(status), headers, body })
  }

  onResponseData(controller: ExchangeController, chunk: Buffer): void {
    if (this.#over) return
    if (this.#body !== undefined) {
      if (!this.#body.push(chunk)) controller.pause()
      return
    }
    this.#bytes += chunk.length
    if (this.#bytes > this.request.maxBodyBytes) this.cancel(this.#tooLarge())
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#end(isOk(this.#status))
    if (this.#body !== undefined) {
      this.#body.push(null)
      return
    }
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#resolve(new HttpResponse(this.#status, this.#headers, body))
  }

  onResponseError(_controller: ExchangeController | null, error: Error): void {
    if (this.#over) return
    const failure = this.#describe(error)
    if (this.#mayRetry(failure)) {
      this.#retries++
      this.#controller = undefined
      this.#dispatch(this)
    } else {
      this.#end(false, failure)
    }
  }

  readonly #onAbort = (): void => this.cancel(this.request.signal?.reason)

  #end(ok: boolean, failure?: unknown): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.request.signal?.removeEventListener('abort', this.#onAbort)
    if (failure !== undefined) {
      this.#reject(failure)
      this.#body?.destroy(asError(failure))
    }
    this.#onEnd(this)
    if (httpChannel.hasSubscribers) {
      const { origin, method } = this.request
      httpChannel.publish({
        origin,
        method,
        status: this.#status,
        ms: this.heldMs,
        ok,
        retries: this.#retries,
      } satisfies HttpMessage)
    }
  }

  /** What the caller's body throws comes back like a broken connection: nothing else tells them apart. */
  #watch(body: HttpBody | null): HttpBody | null {
    const onError = (error: unknown): void => void (this.#thrownByBody ??= { error })
    if (!(body instanceof Readable)) return isIterable(body) ? rethrowing(body, onError) : body
    if (body.errored) onError(body.errored)
    return body.once('error', onError)
  }

  /**
   * A kept-alive connection may have been closed by the server just as the request went out. An idempotent
   * request of which nothing came back is sent once more (RFC 9110, section 9.2.2).
   */
  #mayRetry(failure: unknown): boolean {
    const { method, body } = this.request
    return (
      failure instanceof ConnectionsError &&
      failure.code === 'CONNECTIONS_LOST' &&
      this.#status === 0 &&
      this.#retries === 0 &&
      method !== 'POST' &&
      method !== 'PATCH' &&
      (body === null || typeof body === 'string' || body instanceof Uint8Array)
    )
  }

  #describe(error: Error): unknown {
    if (this.#thrownByBody !== undefined) return this.#thrownByBody.error
    const { code = '' } = error as { code?: string }
    const options = { cause: error }
    if (code === 'UND_ERR_INVALID_ARG') return new TypeError(`${this.label}: ${error.message}`, options)
    if (code === 'UND_ERR_CONNECT_TIMEOUT') {
      return new ConnectionsError('CONNECTIONS_TIMEOUT', `${this.label}: ${error.message}`, options)
    }
    if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED')
      return sessionClosed(this.label, this.#controller !== undefined)
    return this.#controller === undefined
      ? new ConnectionsError(
          'CONNECTIONS_REFUSED',
          `${this.label}: could not connect: ${reasonOf(error)}`,
          options,
        )
      : new ConnectionsError('CONNECTIONS_LOST', `${this.label}: the connection broke: ${reasonOf(error)}`, {
          ...options,
          mayHaveRun: true,
        })
  }

  #timeout(): ConnectionsError {
    const progress = this.#status === 0 ? 'no response' : 'an unfinished body'
    return new ConnectionsError(
      'CONNECTIONS_TIMEOUT',
      `${this.label}: ${progress} after ${this.request.timeoutMs} ms`,
      { mayHaveRun: this.#controller !== undefined },
    )
  }

  #tooLarge(): ConnectionsError {
    return new ConnectionsError(
      'CONNECTIONS_BODY_TOO_LARGE',
      `${this.label}: the body is larger than maxBodyBytes (${this.request.maxBodyBytes})`,
      { mayHaveRun: true },
    )
  }
}

function isIterable(body: HttpBody | null): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

async function* rethrowing(
  body: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncIterable<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    onError(error)
    throw error
  }
}

export function sessionClosed(label: string, mayHaveRun = false): ConnectionsError {
  return new ConnectionsError('CONNECTIONS_CLOSED', `${label}: the HTTP session is closed`, { mayHaveRun })
}

function reasonOf(error: Error): string {
  return error.message || (error as { code?: string }).code || error.name
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
