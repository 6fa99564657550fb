import { checkFunction, describe, integer, milliseconds, seconds } from './check.ts'
import { LoadTestError } from './errors.ts'
import { requestSource } from './load-request.ts'
import type { LoadRequest, LoadRequests, RequestSource } from './load-request.ts'
import { checkThresholds } from './thresholds.ts'
import type { LoadThresholds } from './thresholds.ts'

export interface LoadTesterOptions {
  /** What to load: an `http:` URL. Without `requests` every request is a GET of it. */
  readonly targetUrl: string | URL
  /** Users that each send one request after another over a connection of their own. Integer from 1. @default 10 */
  readonly concurrentUsers?: number | undefined
  /** How long to measure, in seconds, above 0. The run ends at the latest `timeoutMs` after that. */
  readonly durationSeconds: number
  /** How long to send requests before measuring, in seconds from 0. Nothing of it is reported. @default 0 */
  readonly warmupSeconds?: number | undefined
  /** Ends the run after this many measured requests. Integer from 1. @default no limit but the time */
  readonly maxRequests?: number | undefined
  /** How long a request may take, connecting and the last byte included, in milliseconds from 1. @default 10_000 */
  readonly timeoutMs?: number | undefined
  /** How long a user waits between a response and its next request, in milliseconds from 0. @default 0 */
  readonly thinkTimeMs?: number | undefined
  /**
   * What the requests ask of the origin of `targetUrl`. An array is repeated as long as the run lasts; another
   * iterable is drawn until it ends, and the run with it; a function is called for each request.
   */
  readonly requests?: LoadRequests | undefined
  /**
   * Says whether a response below status 400 is a success. When it returns `false` or throws, the request counts
   * as a `check` error. Headers and bodies are kept for it alone, which makes a request about a third dearer.
   */
  readonly check?: ((response: LoadResponse) => boolean) | undefined
  /** How much of a body `check` gets to see, in bytes from 0; the rest is discarded. @default 1_048_576 */
  readonly maxCheckedBytes?: number | undefined
  /** Longest header block accepted; a longer one is malformed. In bytes from 1024. @default 65_536 */
  readonly maxHeaderBytes?: number | undefined
  /** What the run must reach to pass. */
  readonly thresholds?: LoadThresholds | undefined
  /** Ends the run at once. It still resolves, with a report marked `partial`. */
  readonly signal?: AbortSignal | undefined
  /** Called every second while the run lasts. If it throws, the run rejects with that. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined
}

/** A response as `check` sees it. */
export interface LoadResponse {
  readonly request: LoadRequest
  readonly status: number
  /** By lower-case name; the values of a repeated one are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The body was longer than `maxCheckedBytes`. */
  readonly isTruncated: boolean
  readonly responseTimeMs: number
}

/** How far a run is. */
export interface LoadProgress {
  /** `drain`: nothing new is sent, the last responses are waited for. */
  readonly phase: 'warmup' | 'measure' | 'drain'
  /** Since the warm-up began, or since the measured time did. */
  readonly elapsedSeconds: number
  /** Requests that came to an end in this time. */
  readonly requests: number
  /** How many of them failed. */
  readonly failed: number
  /** Requests that came to an end in the last second. */
  readonly requestsPerSecond: number
}

/** Options checked and completed. */
export interface LoadSettings {
  readonly targetUrl: string
  readonly host: string
  readonly port: number
  readonly concurrentUsers: number
  readonly durationSeconds: number
  readonly warmupSeconds: number
  readonly maxRequests: number
  readonly timeoutMs: number
  readonly thinkTimeMs: number
  readonly maxCheckedBytes: number
  readonly maxHeaderBytes: number
  readonly thresholds: LoadThresholds
  readonly openSource: () => RequestSource
  readonly check: LoadTesterOptions['check']
  readonly signal: AbortSignal | undefined
  readonly onProgress: LoadTesterOptions['onProgress']
}

const defaults = {
  concurrentUsers: 10,
  warmupSeconds: 0,
  maxRequests: Infinity,
  timeoutMs: 10_000,
  thinkTimeMs: 0,
  maxCheckedBytes: 1_048_576,
  maxHeaderBytes: 65_536,
} as const satisfies Partial<LoadTesterOptions>

export function loadSettings(options: LoadTesterOptions): LoadSettings {
  const target = httpUrl(options.targetUrl)
  const { check, signal, onProgress, thresholds = {} } = options
  const maxRequests = options.maxRequests ?? defaults.maxRequests
  checkThresholds(thresholds)
  if (check !== undefined) checkFunction('check', check)
  if (onProgress !== undefined) checkFunction('onProgress', onProgress)
  return {
    targetUrl: target.href,
    host: target.hostname.replace(/^\[|\]$/g, ''),
    port: target.port === '' ? 80 : Number(target.port),
    concurrentUsers: integer('concurrentUsers', options.concurrentUsers ?? defaults.concurrentUsers, 1),
    durationSeconds: seconds('durationSeconds', options.durationSeconds, 0.001),
    warmupSeconds: seconds('warmupSeconds', options.warmupSeconds ?? defaults.warmupSeconds, 0),
    maxRequests: maxRequests === Infinity ? maxRequests : integer('maxRequests', maxRequests, 1),
    timeoutMs: milliseconds('timeoutMs', options.timeoutMs ?? defaults.timeoutMs, 1),
    thinkTimeMs: milliseconds('thinkTimeMs', options.thinkTimeMs ?? defaults.thinkTimeMs, 0),
    maxCheckedBytes: integer('maxCheckedBytes', options.maxCheckedBytes ?? defaults.maxCheckedBytes, 0),
    maxHeaderBytes: integer('maxHeaderBytes', options.maxHeaderBytes ?? defaults.maxHeaderBytes, 1024),
    thresholds,
    openSource: requestSource(options.requests ?? [{ path: target.pathname + target.search }], target.host),
    check,
    signal,
    onProgress,
  }
}

function httpUrl(targetUrl: string | URL): URL {
  if (!URL.canParse(String(targetUrl))) {
    throw new TypeError(`targetUrl must be a URL, got ${describe(targetUrl)}`)
  }
  const url = new URL(targetUrl)
  if (url.protocol === 'https:') {
    throw new LoadTestError(
      'LOADTEST_UNSUPPORTED',
      `${url.href} needs TLS, which is not supported: use http:`,
    )
  }
  if (url.protocol !== 'http:')
    throw new TypeError(`targetUrl must be an http: URL, got ${describe(url.href)}`)
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(
      'targetUrl must not hold a user or password: send an Authorization header with requests',
    )
  }
  return url
}
