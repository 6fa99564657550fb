import type { QueryOptions, QueryResult } from './options.ts'

/** A position in the write-ahead log, in bytes. */
export type WalPosition = bigint

/** What is asked: a pool, or what stands for it. */
export interface Asked {
  query(text: string, values: readonly unknown[], options: QueryOptions): Promise<QueryResult<unknown>>
}

/**
 * Where the primary was at which time, to tell from a replica's position how old its data may be. That bound holds
 * whatever the reason a replica stays behind, and needs no two clocks: all times are this process's own. An idle
 * primary does not move, so that who has its last position has everything; the age of the last replayed
 * transaction (`pg_last_xact_replay_timestamp()`) would grow.
 */
export class LagHistory {
  // Ascending in both.
  #marks: { at: number; position: WalPosition }[] = []

  /**
   * Notes that what was committed at `at` lies before `position`. Tells whether the primary has gone back, so that
   * it is another one or has lost something: then nothing is known any more.
   */
  add(at: number, position: WalPosition): 'went on' | 'went back' {
    const last = this.#marks.at(-1)
    if (last !== undefined && position < last.position) {
      this.#marks = [{ at, position }]
      return 'went back'
    }
    if (last?.position === position) last.at = at
    else this.#marks.push({ at, position })
    if (this.#marks.length > mostMarks) this.#marks.shift()
    return 'went on'
  }

  /** The time up to which whoever has replayed so far has all that was committed; -Infinity when none is known. */
  coveredAt(position: WalPosition): number {
    return this.#marks.findLast((mark) => mark.position <= position)?.at ?? -Infinity
  }
}

/**
 * How far the primary has written its log to disk, which is as far as it sends it. A commit is told after that,
 * unless `synchronous_commit` is off: then up to three times `wal_writer_delay` before (PostgreSQL documentation,
 * "Asynchronous Commit"), by which a replica may be older than it is said to be. `pg_current_wal_insert_lsn()`
 * would count what is not committed either, so that a replica may never get there.
 */
export async function positionOfPrimary(primary: Asked, timeoutMs: number): Promise<WalPosition> {
  const [position] = await askRow(primary, 'select pg_current_wal_flush_lsn()', timeoutMs)
  return parsePosition(position ?? '')
}

/**
 * How far a replica has replayed the log: all that was committed before can be seen there.
 * @throws {Error} when it is none, or none any more
 */
export async function positionOfReplica(replica: Asked, timeoutMs: number): Promise<WalPosition> {
  const text = 'select pg_is_in_recovery(), pg_last_wal_replay_lsn()'
  const [inRecovery, position] = await askRow(replica, text, timeoutMs)
  if (inRecovery !== 't') throw new Error('it is not in recovery: it is no replica, or has been promoted')
  if (!position) throw new Error('it has not replayed anything')
  return parsePosition(position)
}

/** `16/B374D848` as bytes: two halves of 32 bits in hexadecimal (PostgreSQL documentation, "pg_lsn Type"). */
export function parsePosition(text: string): WalPosition {
  const [, high, low] = /^([\dA-F]{1,8})\/([\dA-F]{1,8})$/i.exec(text) ?? []
  if (high === undefined) throw new Error(`no position in the write-ahead log: '${text}'`)
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

async function askRow(asked: Asked, text: string, timeoutMs: number): Promise<readonly (string | null)[]> {
  const { rows } = await asked.query(text, [], { rowMode: 'array', types: asText, timeoutMs })
  return rows[0] as readonly (string | null)[]
}

const asText = { getTypeParser: () => (text: string) => text }
const mostMarks = 64
