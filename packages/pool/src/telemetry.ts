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
}

/** A caller waited in vain. */
export interface TimeoutMessage {
  readonly pool: string
  readonly waitedMs: number
  readonly inUse: number
  readonly waiting: number
}

export const acquireChannel: Channel = channel('code:pool:acquire')
export const releaseChannel: Channel = channel('code:pool:release')
export const createChannel: Channel = channel('code:pool:create')
export const destroyChannel: Channel = channel('code:pool:destroy')
export const timeoutChannel: Channel = channel('code:pool:timeout')
