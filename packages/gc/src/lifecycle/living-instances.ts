import { GcError } from '../errors.ts'
import { closingOf } from './closing.ts'
import type { LeakLog } from './leak-log.ts'
import type { Holder } from './report.ts'

export interface LivingInstancesOptions {
  readonly name: string
  readonly sitesEvery: number
  readonly leaks: LeakLog
  /** There is something to clean up now. */
  readonly onFirst: () => void
  /** There is nothing any more. */
  readonly onNone: () => void
}

/** The instances of one managed class that nobody has cleaned up yet, none of them kept alive by this. */
export class LivingInstances {
  readonly #options: LivingInstancesOptions
  readonly #living = new Set<Life>()
  #made = 0

  constructor(options: LivingInstancesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#living.size
  }

  /** Follows an instance from its construction, called by `construct`. */
  add(instance: object, construct: NewableFunction): void {
    // Made by a managed class that derives from a managed class, it belongs to the derived one.
    lives.get(instance)?.end()
    const { sitesEvery, onFirst } = this.#options
    const site = sitesEvery > 0 && this.#made++ % sitesEvery === 0 ? callSiteOf(construct) : notRecorded
    const life: Life = {
      instance: new WeakRef(instance),
      site,
      at: Date.now(),
      end: () => this.#end(life),
      leak: () => this.#leak(life),
    }
    lives.set(instance, life)
    collected.register(instance, life, life)
    this.#living.add(life)
    if (this.#living.size === 1) onFirst()
  }

  /** Cleans up all at once, the youngest first. */
  async close(deadlineMs: number): Promise<{ closed: boolean; holders: readonly Holder[] }> {
    const startedAt = performance.now()
    const pending = new Set<Life>()
    const failures: unknown[] = []
    const cleanUp = async ([life, instance]: readonly [Life, object]): Promise<void> => {
      pending.add(life)
      try {
        await closingOf(instance).close(deadlineMs)
      } catch (error) {
        failures.push(error)
      }
      pending.delete(life)
    }
    const all = this.#takeAll()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, deadlineMs)
    await Promise.race([Promise.all(all.map(cleanUp)), late.promise])
    clearTimeout(timer)

    const heldMs = performance.now() - startedAt
    if (failures.length > 0) {
      if (pending.size > 0) failures.push(new GcError('GC_DEADLINE', `${pending.size} did not end in time`))
      throw failures.length === 1 ? failures[0] : new AggregateError(failures, failed(failures, all.length))
    }
    return { closed: pending.size === 0, holders: Array.from(pending, ({ site }) => ({ heldMs, site })) }
  }

  /** All that are alive, the youngest first. What a clean-up makes anew is of the next round. */
  #takeAll(): (readonly [Life, object])[] {
    return [...this.#living].toReversed().flatMap((life) => {
      const instance = life.instance.deref()
      if (instance === undefined) life.leak()
      else life.end()
      return instance === undefined ? [] : [[life, instance] as const]
    })
  }

  #end(life: Life): void {
    if (!this.#living.delete(life)) return
    collected.unregister(life)
    if (this.#living.size === 0) this.#options.onNone()
  }

  #leak(life: Life): void {
    this.#end(life)
    const { leaks, name } = this.#options
    leaks.note({ name, site: life.site, at: life.at })
  }
}

/** Follows an instance no more: somebody called a verb of it, or closes it otherwise. */
export function letGo(instance: unknown): void {
  lives.get(instance as object)?.end()
}

interface Life {
  readonly instance: WeakRef<object>
  readonly site: string
  readonly at: number
  end(): void
  leak(): void
}

const lives = new WeakMap<object, Life>()
const collected = new FinalizationRegistry<Life>((life) => life.leak())

/** The line that called a constructor, as text: an Error that isn't yet formatted would keep `this` alive. */
function callSiteOf(construct: NewableFunction): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 1
  const trace: { stack?: unknown } = {}
  Error.captureStackTrace(trace, construct)
  Error.stackTraceLimit = limit
  const [, line] = String(trace.stack).split('\n')
  return line?.trim().replace(/^at /, '') ?? notRecorded
}

const notRecorded = 'not recorded'

function failed(failures: readonly unknown[], total: number): string {
  return `${failures.length} of ${total} instances failed, first: ${String(failures[0])}`
}
