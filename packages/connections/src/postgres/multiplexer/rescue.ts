import type { Line } from './line.ts'
import type { Sent } from './sent.ts'

/**
 * Looks at what stands at the head of a line. One that stands there for too long is stuck: nothing more goes
 * behind it, and those behind it that may be repeated are to be sent elsewhere too. Returns these.
 */
export function inspect(line: Line, now: number): readonly Sent[] {
  const { head } = line
  if (head === undefined) return none
  const { profile } = head.statement
  const ageMs = now - head.headSince
  if (ageMs <= profile.cost.patienceMs) return none
  if (ageMs >= line.nextToldMs) {
    profile.cost.running(ageMs)
    line.nextToldMs = 2 * ageMs
  }
  // Seen only once, it may be the event loop that stood still.
  if (head.stuck || ++line.sightings < (profile.cost.isMixed ? 2 : 3)) return none
  head.stuck = true
  line.seals++
  profile.becameStuck(head)
  return [...line.sent].filter((sent) => sent !== head && mayBeCopied(sent))
}

/** Whether it does no harm when its statement runs once more, besides this copy. */
export function repeatable({ statement, line, writes }: Sent): boolean {
  if (statement.options.idempotent === true) return true
  return line.guarded && !writes && !statement.profile.hasSideEffects
}

function mayBeCopied(sent: Sent): boolean {
  const { statement } = sent
  return !statement.settled && !statement.queued && statement.copies < 2 && repeatable(sent)
}

const none: readonly Sent[] = []
