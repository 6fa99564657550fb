import { channel, type Channel } from 'node:diagnostics_channel'
import type { DestroyReason } from './options.ts'

/** An object was lent. `waitedMs` is 0 when it was idle. */
export interface AcquireMessage {
  readonly pool: string
  readonly waitedMs: number
}

/** A lent object came back. */
export interface ReleaseMessage {
  readonly pool: string
  readonly heldMs: number
}

/** A creation ended, well or not. */
export interface CreateMessage {
  readonly pool: string
  readonly ms: number
  readonly ok: boolean
}

/** An object left the pool for good. */
export interface DestroyMessage {
  readonly pool: string
  readonly reason: DestroyReason
  /** What the borrower gave to `destroy`, or what `validate` or `reset` failed with. */
  readonly cause?: unknown
}

/** A caller waited in vain. */
export interface TimeoutMessage {
  readonly pool: string
  readonly waitedMs: number
  readonly inUse: number
  readonly waiting: number
}

/** An object has been on loan for longer than `leakAfterMs`. */
export interface LeakMessage {
  readonly pool: string
  readonly heldMs: number
  /** The line that took it. */
  readonly site: string | undefined
}

export const acquireChannel: Channel = channel('code:pool:acquire')
export const releaseChannel: Channel = channel('code:pool:release')
export const createChannel: Channel = channel('code:pool:create')
export const destroyChannel: Channel = channel('code:pool:destroy')
export const timeoutChannel: Channel = channel('code:pool:timeout')
export const leakChannel: Channel = channel('code:pool:leak')
