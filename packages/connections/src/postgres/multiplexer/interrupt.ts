import { serverError } from '../wire/server-error.ts'
import { graceMs } from '../wire/wire.ts'
import type { Line } from './line.ts'
import type { Sent } from './sent.ts'

/**
 * Asks the server to interrupt the head of a line, whose caller has gone. Nothing goes behind it until that is
 * over, and a server that does not heed it in time is left.
 */
export function interrupt(line: Line): void {
  const { head } = line
  if (head === undefined || line.interrupted !== undefined) return
  const { wire } = line.client
  line.interrupted = head
  line.seals++
  void wire.cancel()
  const timer = setTimeout(() => {
    if (line.head === head)
      wire.drop(new Error('a statement on it was given up, and the server did not stop'))
  }, graceMs)
  timer.unref()
}

/**
 * Something on an interrupted line was answered. If the one that was meant was cut short (57014), the interrupt is
 * used up; else it may hit whoever comes next, so that the line is of no more use.
 */
export function interruptAnswered(line: Line, sent: Sent): void {
  if (line.interrupted !== sent) return
  if (serverError(sent.failure?.error)?.code === '57014') {
    line.interrupted = undefined
    line.seals--
  } else {
    line.leave('broken')
  }
}
