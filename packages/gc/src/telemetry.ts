import { channel, type Channel } from 'node:diagnostics_channel'

/** The garbage collector stopped the program. */
export interface PauseMessage {
  readonly kind: 'minor' | 'major' | 'incremental' | 'weakCallbacks'
  readonly ms: number
}

/** A step of a shutdown ended, well or not. */
export interface ShutdownMessage {
  readonly step: string
  readonly ms: number
  readonly ok: boolean
}

/** An object that should have been cleaned up was collected instead. `site` is where it was made. */
export interface LeakMessage {
  readonly name: string
  readonly site: string
}

export const pauseChannel: Channel = channel('code:gc:pause')
export const shutdownChannel: Channel = channel('code:gc:shutdown')
export const leakChannel: Channel = channel('code:gc:leak')
