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
  if (head === undefined || line.interrupted === head) return
  const { wire } = line.client
  // One that was answered before it could be interrupted has left a line that nobody else will get.
  if (line.interrupted === undefined) line.seals++
  line.interrupted = head
  void wire.cancel()
  const startedAt = performance.now()
  const timer = setInterval(() => {
    if (line.head !== head || wire.lostBy !== undefined) return clearInterval(timer)
    if (performance.now() - startedAt < graceMs) {
      // It came before the statement had begun, as it seems. Two may hit two: nobody new comes to this line.
      line.leave('broken')
      void wire.cancel()
    } else {
      wire.drop(new Error('a statement on it was given up, and the server did not stop'))
    }
  }, againMs)
  timer.unref()
}

/**
 * Something on an interrupted line was answered. If the one that was meant was cut short (57014), the interrupt is
 * used up; else it may hit whoever comes next, so that the line is of no more use.
 */
export function interruptAnswered(line: Line, sent: Sent): void {
  if (line.interrupted !== sent) return
  if (line.leaving !== 'broken' && serverError(sent.failure?.error)?.code === '57014') {
    line.interrupted = undefined
    line.seals--
  } else {
    line.leave('broken')
  }
}

/** How long the server may take to heed an interrupt before it is sent another. */
const againMs = graceMs / 10
