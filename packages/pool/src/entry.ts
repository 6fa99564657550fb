import type { Loan } from './lease.ts'
import type { Taker } from './taker.ts'

/** One object of the pool: lent, idle, or on its way from one to the other. */
export interface Entry<T extends object> extends Loan<T> {
  /** The number of its latest loan, the first being 0. */
  loan: number
  /** When it was lent and when it came back last, by the coarse clock; `lentAt` is -1 while it is not lent. */
  lentAt: number
  idleAt: number
  /** When its lifetime is over, by the exact clock. */
  readonly diesAt: number
  /** The loan after which it goes: `maxUses`, or the one during which its lifetime ended. */
  lastLoan: number
  /** As the last sweep found it: which loan or rest that was, since when, and whether a leak was reported. */
  seen: Sighting | undefined
  taker: Taker | undefined
  /** Resolved to the object, for whoever awaits it while it is idle: made once, it saves each of them one. */
  promise: Promise<T> | undefined
}

/** What `Ageing` remembers of an entry from one sweep to the next. */
export interface Sighting {
  readonly loan: number
  readonly lent: boolean
  readonly since: number
  reported: boolean
}
