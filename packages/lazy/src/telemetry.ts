import { channel, type Channel } from 'node:diagnostics_channel'

/** A module was loaded. Both figures include what it loaded in turn. */
export interface LoadMessage {
  readonly specifier: string
  readonly ms: number
  /** What the resident memory of the process grew by meanwhile, in bytes; negative when it shrank. */
  readonly rssDeltaBytes: number
}

export const loadChannel: Channel = channel('code:lazy:load')
