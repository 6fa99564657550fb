import type { Binder } from './binder.ts'
import type { Statement } from './statement.ts'

/** Every statement that waits or is under way, each once though copies of it may be on several lines. */
export function unsettled(binder: Binder): Set<Statement> {
  const found = new Set(binder.statements())
  for (const line of binder.lines) {
    for (const { statement } of line.sent) if (!statement.settled) found.add(statement)
  }
  return found
}
