import { channel, type Channel } from 'node:diagnostics_channel'

/** A statement ended, well or not. */
export interface QueryMessage {
  readonly pool: string
  readonly ms: number
  readonly ok: boolean
  /** How it travelled: on a connection that others shared, or on one of its own. */
  readonly lane: 'shared' | 'exclusive'
  readonly rows: number
  /** The error's code when it failed. */
  readonly code?: string | undefined
}

/** A statement took longer than `slowMs`. */
export interface SlowMessage {
  readonly pool: string
  readonly text: string
  readonly ms: number
}

/** An attempt to connect ended. */
export interface ConnectMessage {
  readonly pool: string
  readonly ms: number
  readonly ok: boolean
}

/** A connection was given up. */
export interface CloseMessage {
  readonly pool: string
  readonly reason: string
}

/** A caller got a connection after waiting for it. */
export interface WaitMessage {
  readonly pool: string
  readonly waitedMs: number
}

/** A transaction or a statement is run once more. */
export interface RetryMessage {
  readonly pool: string
  /** The SQLSTATE that asked for it, or `lost` when its connection was. */
  readonly reason: string
}

/** A statement or transaction for a replica goes to the primary. */
export interface FallbackMessage {
  readonly pool: string
  /** No replica is known to be fresh enough, none answers or the one that was to run it was lost, or it was in conflict with what that replayed. */
  readonly reason: 'lag' | 'down' | 'conflict'
}

/** An HTTP exchange ended. `status` is 0 when no response came; `ok` means 200 to 299, received whole. */
export interface HttpMessage {
  readonly origin: string
  readonly method: string
  readonly status: number
  readonly ms: number
  readonly ok: boolean
  readonly retries: number
}

export const queryChannel: Channel = channel('code:connections:query')
export const slowChannel: Channel = channel('code:connections:slow')
export const connectChannel: Channel = channel('code:connections:connect')
export const closeChannel: Channel = channel('code:connections:close')
export const waitChannel: Channel = channel('code:connections:wait')
export const retryChannel: Channel = channel('code:connections:retry')
export const fallbackChannel: Channel = channel('code:connections:fallback')
export const httpChannel: Channel = channel('code:connections:http')
