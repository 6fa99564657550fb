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
  if (line.interrupted === undefined) line.seals++
  line.interrupted = head
  void cancel(line)
  const startedAt = performance.now()
  const timer = setInterval(() => {
    if (line.head !== head || wire.lostBy !== undefined) return clearInterval(timer)
    // The first may have come before the statement had begun.
    if (performance.now() - startedAt < graceMs) void cancel(line)
    else wire.drop(new Error('a statement on it was given up, and the server did not stop'))
  }, againMs)
  timer.unref()
}

/** An interrupt that its statement did not feel may hit whoever comes next: the line is of no more use. */
export function interruptAnswered(line: Line, sent: Sent): void {
  if (line.interrupted !== sent) return
  if (wasCutShort(sent)) end(line)
  else line.leave('broken')
}

/** Whether an interrupt that was meant for another may have hit this one. */
export function mayBeHitForAnother({ line, sentAt }: Sent): boolean {
  return line.interrupted !== undefined || line.leaving === 'broken' || sentAt <= line.interruptedUntil
}

/**
 * Postgres signals a backend twice for one request (signal_child in its postmaster.c), the second time perhaps when
 * it is at the next statement already. It has done so when it hangs up on the request.
 */
async function cancel(line: Line): Promise<void> {
  line.cancels++
  await line.client.wire.cancel()
  line.cancels--
  end(line)
}

/** The interrupt is over when the statement that was meant has been cut short, and no signal is to come. */
function end(line: Line): void {
  const { interrupted } = line
  if (interrupted === undefined || line.cancels > 0 || !wasCutShort(interrupted)) return
  line.interrupted = undefined
  line.interruptedUntil = performance.now()
  line.seals--
}

function wasCutShort(sent: Sent): boolean {
  return serverError(sent.failure?.error)?.code === '57014'
}

/** How long the server may take to heed a request before it is sent another. */
const againMs = graceMs / 10
