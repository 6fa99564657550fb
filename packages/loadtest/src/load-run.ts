import { describe } from './check.ts'
import { Ledger } from './ledger.ts'
import type { LoadReport } from './load-report.ts'
import type { EncodedRequest, RequestSource } from './load-request.ts'
import type { LoadResponse, LoadSettings } from './load-options.ts'
import type { ResponseParser } from './response-parser.ts'
import { VirtualUser } from './virtual-user.ts'
import type { ConnectionFailure, UserContext } from './virtual-user.ts'

/** One run of a load test: warm-up, the measured time, the wait for the last responses. */
export class LoadRun implements UserContext {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly thinkTimeMs: number
  readonly maxHeaderBytes: number
  readonly maxKeptBytes: number | undefined
  readonly #settings: LoadSettings
  readonly #source: RequestSource
  readonly #users: VirtualUser[]
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #timers: NodeJS.Timeout[] = []
  #phase: 'warmup' | 'measure' | 'drain' | 'over' = 'warmup'
  #ledger = new Ledger()
  #startedAt = 0
  #stoppedAt = 0
  #drawn = 0
  #active: number
  #sockets = 0
  #connectionsOpened = 0
  #isSending = true
  #isAborted = false
  #progressRequests = 0
  #fault: { readonly error: unknown } | undefined

  constructor(settings: LoadSettings) {
    this.#settings = settings
    this.host = settings.host
    this.port = settings.port
    this.timeoutMs = settings.timeoutMs
    this.thinkTimeMs = settings.thinkTimeMs
    this.maxHeaderBytes = settings.maxHeaderBytes
    this.maxKeptBytes = settings.check === undefined ? undefined : settings.maxCheckedBytes
    this.#source = settings.openSource()
    this.#users = Array.from({ length: settings.concurrentUsers }, () => new VirtualUser(this))
    this.#active = this.#users.length
  }

  async run(): Promise<LoadReport> {
    const { signal, warmupSeconds, onProgress } = this.#settings
    const abort = () => this.#abort()
    signal?.addEventListener('abort', abort, { once: true })
    this.#startedAt = performance.now()
    if (signal?.aborted === true) this.#abort()
    else {
      // One timer watches all users: one for each request would cost more than the rest of the request.
      this.#every(Math.min(Math.max(this.timeoutMs / 20, 1), 100), () => this.#expire())
      if (onProgress !== undefined) this.#every(1000, () => this.#guard(() => this.#progress()))
      if (warmupSeconds > 0) this.#timers.push(setTimeout(() => this.#measure(), warmupSeconds * 1000))
      else this.#measure()
      for (const user of this.#users) user.next()
    }
    await this.#finished.promise
    signal?.removeEventListener('abort', abort)
    if (this.#fault !== undefined) throw this.#fault.error
    return this.#ledger.report({
      targetUrl: this.#settings.targetUrl,
      concurrentUsers: this.#users.length,
      durationSeconds: (this.#stoppedAt - this.#startedAt) / 1000,
      connectionsOpened: this.#connectionsOpened,
      partial: this.#isAborted,
      thresholds: this.#settings.thresholds,
    })
  }

  get isSending(): boolean {
    return this.#isSending
  }

  draw(): EncodedRequest | undefined {
    if (!this.#isSending) return undefined
    const request = this.#guard(() => this.#source.next())
    if (this.#phase === 'measure') this.#drawn++
    if (request === undefined || this.#drawn === this.#settings.maxRequests) this.#stopSending()
    return request
  }

  answered(request: EncodedRequest, response: ResponseParser, startedAt: number, endedAt: number): void {
    if (!this.#isMeasured(startedAt)) return
    const { status } = response
    this.#ledger.response(status)
    if (status >= 400) {
      const kind = status < 500 ? 'status4xx' : 'status5xx'
      this.#ledger.failure(kind, `${status} for ${summary(request)}`)
    } else {
      const objection = this.#check(request, response, endedAt - startedAt)
      if (objection !== undefined) this.#ledger.failure('check', objection)
      else this.#ledger.success(endedAt - startedAt, this.#phase === 'measure')
    }
  }

  failed(kind: ConnectionFailure, message: string, startedAt: number): void {
    if (this.#isMeasured(startedAt)) this.#ledger.failure(kind, message)
  }

  received(bytes: number): void {
    this.#ledger.bytes += bytes
  }

  connecting(): void {
    this.#sockets++
  }

  connected(): void {
    this.#connectionsOpened++
  }

  disconnected(): void {
    this.#sockets--
    this.#finishOnceClosed()
  }

  stopped(): void {
    this.#active--
    if (this.#active === 0) this.#end()
  }

  // A request that was sent before the measured time began is not part of it, nor is one of an aborted run.
  #isMeasured(startedAt: number): boolean {
    return this.#phase !== 'over' && startedAt >= this.#startedAt
  }

  /** Why the response is not accepted, `undefined` when it is. */
  #check(request: EncodedRequest, response: ResponseParser, responseTimeMs: number): string | undefined {
    const { check } = this.#settings
    if (check === undefined) return undefined
    const { status, headers, body, bodyBytes } = response
    const isTruncated = body.length < bodyBytes
    let accepted: unknown
    try {
      accepted = check({
        request: request.request,
        status,
        headers,
        body,
        isTruncated,
        responseTimeMs,
      } satisfies LoadResponse)
    } catch (error) {
      return `${summary(request)}: ${error instanceof Error ? error.message : String(error)}`
    }
    if (typeof accepted === 'boolean') return accepted ? undefined : `${summary(request)} was not accepted`
    this.#crash(new TypeError(`check must return a boolean, got ${describe(accepted)}`))
    return 'no boolean'
  }

  #measure(): void {
    this.#phase = 'measure'
    this.#forgetWarmup()
    this.#timers.push(setTimeout(() => this.#drain(), this.#settings.durationSeconds * 1000))
  }

  #forgetWarmup(): void {
    this.#ledger = new Ledger()
    this.#progressRequests = 0
    this.#startedAt = performance.now()
  }

  #drain(): void {
    this.#phase = 'drain'
    this.#stoppedAt = performance.now()
    this.#stopSending()
  }

  #stopSending(): void {
    this.#isSending = false
    for (const user of this.#users) user.wake()
  }

  #abort(): void {
    if (this.#phase === 'over') return
    this.#isAborted = true
    this.#end()
  }

  #crash(error: unknown): void {
    this.#fault ??= { error }
    this.#end()
  }

  #end(): void {
    if (this.#phase === 'over') return
    if (this.#phase === 'warmup') this.#forgetWarmup()
    if (this.#phase !== 'drain') this.#stoppedAt = performance.now()
    this.#phase = 'over'
    this.#isSending = false
    for (const timer of this.#timers) clearTimeout(timer)
    for (const user of this.#users) user.destroy()
    this.#guard(() => this.#source.close())
    this.#finishOnceClosed()
  }

  #finishOnceClosed(): void {
    if (this.#phase === 'over' && this.#sockets === 0) this.#finished.resolve()
  }

  #expire(): void {
    const now = performance.now()
    for (const user of this.#users) user.expire(now)
  }

  #progress(): void {
    const { requests, failed } = this.#ledger
    this.#settings.onProgress?.({
      phase: this.#phase === 'warmup' || this.#phase === 'measure' ? this.#phase : 'drain',
      elapsedSeconds: (performance.now() - this.#startedAt) / 1000,
      requests,
      failed,
      requestsPerSecond: requests - this.#progressRequests,
    })
    this.#progressRequests = requests
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms))
  }

  /** Runs what belongs to the caller: if it throws, the run rejects with that. */
  #guard<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.#crash(error)
      return undefined
    }
  }
}

function summary({ request }: EncodedRequest): string {
  return `${request.method ?? 'GET'} ${request.path}`
}
