import type { CloseOptions, CloseReport, HealthCheck } from './report.ts'

/** Opens pools of one kind of server. `postgres()` gives one; anything of this shape will do. */
export interface Driver<out P extends ConnectionPool = ConnectionPool> {
  /** Opens a pool under this name. Nothing connects before it is used or warmed. */
  open(name: string): P
}

/** What a manager asks of every pool. */
export interface ConnectionPool<out C = unknown> {
  readonly name: string
  getConnection(options?: GetConnectionOptions): Promise<ConnectionLease<C>>
  warm(options?: WarmOptions): Promise<void>
  health(options?: HealthOptions): Promise<HealthCheck>
  /** How many connections it may open, and how many its server takes, where that is known. */
  capacity?(options?: WarmOptions): Promise<Capacity | undefined>
  stats(): Readonly<Record<string, number | string | boolean>>
  close(options?: CloseOptions): Promise<CloseReport>
}

/** What a pool may ask of its server, and what the server gives. */
export interface Capacity {
  /** Pools of one server give the same. */
  readonly server: string
  readonly wanted: number
  readonly available: number
}

/** A connection on loan, for its holder alone. Disposing it returns the connection; doing so twice is harmless. */
export interface ConnectionLease<out C> extends AsyncDisposable {
  /** @throws {TypeError} once it has been returned; so does every call on the connection itself */
  readonly connection: C
}

export interface GetConnectionOptions {
  readonly signal?: AbortSignal | undefined
  /** How long to wait for a connection, in milliseconds, from 1. @default the pool's `acquireTimeoutMs` */
  readonly timeoutMs?: number | undefined
}

export interface WarmOptions {
  readonly signal?: AbortSignal | undefined
}

export interface HealthOptions {
  readonly signal?: AbortSignal | undefined
  /** How long the answer may take, in milliseconds, from 1. @default 2_000 */
  readonly timeoutMs?: number | undefined
}

/** The pool that a driver opens. */
export type PoolOf<D> = D extends Driver<infer P> ? P : never

/** What a pool lends. */
export type ConnectionOf<P> = P extends ConnectionPool<infer C> ? C : never
