import { channel, type Channel } from 'node:diagnostics_channel'
import type { EvictReason } from './options.ts'

/** A value was asked for. `hit` names the tier that had it, an expired one served meanwhile included. */
export interface LookupMessage {
  readonly cache: string
  readonly hit: 'l1' | 'none'
  readonly ms: number
}

/** A computation ended, well or not. */
export interface ComputeMessage {
  readonly cache: string
  readonly ms: number
  readonly ok: boolean
}

/** The cache gave up a value of its own accord. */
export interface EvictMessage {
  readonly cache: string
  readonly tier: 'l1'
  readonly reason: GivenUpReason
  readonly ageMs: number
}

/** Why the cache itself gave up a value. */
export type GivenUpReason = Exclude<EvictReason, 'replaced' | 'deleted' | 'cleared'>

/** Somebody took values out. `keys` and `tags` count them; `remote` tells whether another process asked. */
export interface InvalidateMessage {
  readonly cache: string
  readonly keys: number
  readonly tags: number
  readonly remote: boolean
}

export const lookupChannel: Channel = channel('code:cache-tiers:lookup')
export const computeChannel: Channel = channel('code:cache-tiers:compute')
export const evictChannel: Channel = channel('code:cache-tiers:evict')
export const invalidateChannel: Channel = channel('code:cache-tiers:invalidate')
