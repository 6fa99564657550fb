import type { Readable } from 'node:stream'
import { ConnectionsError } from '../errors.ts'

/** Response headers: lower-case names; a repeated one is an array. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>

/** A response received whole. Any status counts as an answer: look at `ok` or `status`. */
export class HttpResponse {
  readonly status: number
  readonly headers: HttpHeaders
  readonly #body: Buffer

  constructor(status: number, headers: HttpHeaders, body: Buffer) {
    this.status = status
    this.headers = headers
    this.#body = body
  }

  /** Whether the status is 200 to 299. */
  get ok(): boolean {
    return isOk(this.status)
  }

  /**
   * The body as JSON. `T` is the caller's claim, unless `parse` turns the value into one or throws.
   * @throws {ConnectionsError} CONNECTIONS_BODY_INVALID when the body is not JSON
   */
  json<T = unknown>(parse?: (value: unknown) => T): T {
    const text = this.text()
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      const start = text.length > 100 ? `${text.slice(0, 100)}…` : text
      throw new ConnectionsError(
        'CONNECTIONS_BODY_INVALID',
        `the body of the response with status ${this.status} is not JSON: ${start}`,
        { cause, mayHaveRun: true },
      )
    }
    return parse === undefined ? (value as T) : parse(value)
  }

  /** The body as UTF-8 text, without a byte order mark. */
  text(): string {
    const text = this.#body.toString('utf8')
    return text.startsWith('\uFEFF') ? text.slice(1) : text
  }

  bytes(): Uint8Array {
    return this.#body
  }
}

/** A response whose body is still arriving. Read `body` to its end or destroy it: until then it holds a connection. */
export interface HttpStreamResponse {
  readonly status: number
  readonly ok: boolean
  readonly headers: HttpHeaders
  readonly body: Readable
}

export function isOk(status: number): boolean {
  return status >= 200 && status < 300
}
