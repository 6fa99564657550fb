import { setImmediate as turn } from 'node:timers/promises'
import { GcError } from '../errors.ts'
import { shutdownChannel, type ShutdownMessage } from '../telemetry.ts'
import type { ClosingOrder } from './closing-order.ts'
import type { Deadline } from './deadline.ts'
import type { Holder, ShutdownReport, ShutdownStep } from './report.ts'

export interface ShutdownPlan {
  readonly order: ClosingOrder
  readonly deadline: Deadline
  readonly stepDeadlineMs: number
  readonly preStopDelayMs: number
  readonly onReadinessOff: (() => unknown) | undefined
}

/**
 * Closes everything, one step after another. A step that fails or hangs is noted and passed over. What is left
 * when the whole deadline comes is begun nevertheless, and given one turn of the event loop each.
 */
export async function shutDown(plan: ShutdownPlan): Promise<ShutdownReport> {
  const { order, deadline, stepDeadlineMs, preStopDelayMs, onReadinessOff } = plan
  const startedAt = performance.now()
  const ended: Ended[] = []
  const step = (name: string, limitMs: number, work: (deadlineMs: number) => unknown): Promise<Ended> =>
    runStep(name, Math.min(limitMs, deadline.leftMs), deadline, work)

  order.announce()
  if (onReadinessOff !== undefined)
    ended.push(await step('readiness off', stepDeadlineMs, () => onReadinessOff()))
  if (preStopDelayMs > 0) {
    ended.push(await step('pre-stop delay', Infinity, () => pause(preStopDelayMs, deadline)))
  }
  for (let next = order.takeNext(); next.length > 0; next = order.takeNext()) {
    const steps = next.map(({ name, deadlineMs = stepDeadlineMs, closing }) =>
      step(name, deadlineMs, (ms) => closing.close(ms)),
    )
    ended.push(...(await Promise.all(steps)))
  }
  order.seal()

  return Object.freeze({
    closed: ended.every(({ step }) => step.ok),
    ms: performance.now() - startedAt,
    steps: Object.freeze(ended.map(({ step }) => step)),
    holders: Object.freeze(ended.flatMap(({ holders }) => holders)),
  })
}

interface Ended {
  readonly step: ShutdownStep
  readonly holders: readonly Holder[]
}

async function runStep(
  name: string,
  limitMs: number,
  deadline: Deadline,
  work: (deadlineMs: number) => unknown,
): Promise<Ended> {
  const startedAt = performance.now()
  const outcome = await outcomeOf(work, limitMs, deadline)
  const ms = performance.now() - startedAt
  const { holders, ...result } = judge(name, ms, outcome)
  if (shutdownChannel.hasSubscribers) {
    shutdownChannel.publish({ step: name, ms, ok: result.ok } satisfies ShutdownMessage)
  }
  return { step: Object.freeze({ name, ms, ...result }), holders }
}

/**
 * What was still held when work had ended, or undefined when it is late. What it settles to later is dropped, also a
 * rejection.
 */
async function outcomeOf(
  work: (deadlineMs: number) => unknown,
  limitMs: number,
  deadline: Deadline,
): Promise<Outcome | undefined> {
  // Told less than it has, so that its own report of what is held is in time.
  const told = Math.max(1, Math.floor(limitMs * 0.9))
  const outcome = (async () => ({ held: heldBy(await work(told)) }))().catch((error: unknown) => ({ error }))
  if (limitMs === 0) return Promise.race([outcome, turn<undefined>()])
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(late.resolve, limitMs, undefined)
  try {
    return await Promise.race([outcome, late.promise, deadline.passed])
  } finally {
    clearTimeout(timer)
  }
}

type Outcome = { readonly held: readonly Holder[] | undefined } | { readonly error: unknown }

/** What a close report names, if that is what came: streams of Node.js have a `closed` too. */
function heldBy(value: unknown): readonly Holder[] | undefined {
  const { closed, holders } = (value ?? {}) as Partial<ShutdownReport>
  if (closed !== false || !Array.isArray(holders)) return undefined
  return Array.from(holders as readonly Holder[], (holder) => ({ ...holder }))
}

function judge(
  name: string,
  ms: number,
  outcome: Outcome | undefined,
): Pick<ShutdownStep, 'ok' | 'error' | 'timedOut'> & { readonly holders: readonly Holder[] } {
  if (outcome === undefined) {
    const error = new GcError('GC_DEADLINE', `${name} did not end within ${Math.round(ms)} ms`)
    return { ok: false, error, timedOut: true, holders: [Object.freeze({ heldMs: ms, label: name })] }
  }
  if ('error' in outcome) return { ok: false, error: outcome.error, holders: [] }
  const { held } = outcome
  if (held === undefined) return { ok: true, holders: [] }
  const labels = held.map(({ label }) => label).filter((label) => label !== undefined)
  const what = labels.length > 0 ? labels.slice(0, 5).join(', ') : `${held.length} holders`
  return {
    ok: false,
    error: new GcError(
      'GC_DEADLINE',
      `${name} ended after ${Math.round(ms)} ms with something held: ${what}`,
    ),
    timedOut: true,
    holders: held.map((holder) =>
      Object.freeze({ ...holder, label: holder.label === undefined ? name : `${name}: ${holder.label}` }),
    ),
  }
}

async function pause(ms: number, deadline: Deadline): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, ms)
  await Promise.race([over.promise, deadline.passed])
  clearTimeout(timer)
}
