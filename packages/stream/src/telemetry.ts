import { channel, type Channel } from 'node:diagnostics_channel'

/** How far a reading is; published about every megabyte. */
export interface ProgressMessage {
  /** The path of the file, or `stream`. */
  readonly source: string
  /** Bytes read. */
  readonly bytes: number
  /** Records delivered or about to be. */
  readonly records: number
  /** Bad records met. */
  readonly errors: number
}

/** A reading is over, at the end of the input or before. */
export interface DoneMessage extends ProgressMessage {
  readonly ms: number
}

export const progressChannel: Channel = channel('code:stream:progress')
export const doneChannel: Channel = channel('code:stream:done')
