import { leavesState } from '../session-state.ts'
import { serverError } from '../wire/server-error.ts'
import { mayBeHitForAnother } from './interrupt.ts'
import { repeatable } from './rescue.ts'
import type { Sent } from './sent.ts'

/**
 * What an answer means for its statement: a `'result'`; `'failed'`, to be told to the caller; `'again'`, since it
 * did not run or may run twice; again as a `'write'`, which the guard of the line refused; on a connection of its
 * `'own'`; or it left something of a `'session'` on the line, or a setting was `'changed'` while it ran, which may
 * also be the server reading its configuration again.
 */
export type Verdict = 'result' | 'failed' | 'again' | 'write' | 'own' | 'session' | 'changed'

/** @param maxLines how many lines one event may take at once */
export function judge(sent: Sent, maxLines: number): Verdict {
  const { statement, line, failure } = sent
  const { wire } = line.client
  if (failure === undefined) {
    if (wire.inTransaction || leftState(sent)) return 'session'
    return sent.changedParameter ? 'changed' : 'result'
  }
  const mayTryAgain = statement.mayTryAgain(line.openedAt, maxLines)
  if (wire.lostBy !== undefined) return mayTryAgain && repeatable(sent) ? 'again' : 'failed'

  const error = serverError(failure.error)
  switch (error?.code) {
    case '25006': // read_only_sql_transaction: one for a replica may not write anywhere
      if (statement.options.replica === true) return 'failed'
      return line.guarded && !sent.writes ? 'write' : 'failed'
    case '57014': // query_canceled: it was rolled back, but perhaps another one was meant
      return mayBeHitForAnother(sent) ? 'again' : 'failed'
    case '26000': // invalid_sql_statement_name: parsing it failed just before, or somebody deallocated it
      return mayTryAgain ? 'again' : 'failed'
    case '25001': // active_sql_transaction: not possible behind the prelude of a write
      return line.guarded ? 'own' : 'failed'
  }
  switch (error?.routine) {
    case 'RevalidateCachedQuery': // the columns of a prepared statement have changed
      return mayTryAgain ? 'again' : 'failed'
    case 'exec_parse_message': // several statements in one text
      return statement.values === undefined && error?.code === '42601' ? 'own' : 'failed'
    case 'check_transaction_read_only': // a standby refuses the prelude, not the statement
      return line.guarded ? 'own' : 'failed'
    default:
      return 'failed'
  }
}

/** What was harmless once is so with the same tag again. */
function leftState({ statement: { profile }, tag = '' }: Sent): boolean {
  if (tag === profile.harmlessTag) return false
  if (leavesState(tag, profile.text)) return true
  profile.harmlessTag = tag
  return false
}
