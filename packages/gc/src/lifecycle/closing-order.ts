import { GcError } from '../errors.ts'
import type { Closing } from './closing.ts'
import { describe, phases, type AddOptions, type ShutdownPhase } from './options.ts'

/** Something that will be closed. */
export interface Member {
  readonly name: string
  /** What it is found by: the resource and the name. */
  readonly keys: unknown[]
  readonly phase: ShutdownPhase | undefined
  readonly deadlineMs: number | undefined
  /** What it is built upon. */
  readonly after: Set<Member>
  readonly closing: Closing
  /** How many are built upon it and not closed yet. */
  dependents: number
}

/**
 * Who is closed when: what others are built upon after them; else by phase; else the last added first.
 * Since `after` names what was added before, there are no cycles.
 */
export class ClosingOrder {
  /** In order of adding. */
  readonly #members = new Set<Member>()
  readonly #found = new Map<unknown, Member>()
  #room = Infinity

  get size(): number {
    return this.#members.size
  }

  get isFull(): boolean {
    return this.#room === 0
  }

  add(resource: unknown, closing: () => Closing, options: AddOptions = {}): Member {
    const { phase, deadlineMs, after = [] } = options
    if (this.isFull) {
      const reason = 'its shutdown has ended, or was given a thousand more to close'
      throw new GcError('GC_CLOSED', `the lifecycle takes no more: ${reason}; close it yourself`)
    }
    if (this.#found.has(resource)) {
      throw new TypeError(`a resource is added once; this one was, as ${this.#found.get(resource)!.name}`)
    }
    const bases = new Set(after.map((base) => this.#find(base)))
    const name = options.name ?? this.#freeName(defaultName(resource))
    if (this.#found.has(name)) throw new TypeError(`another resource has the name '${name}'`)
    const keys = [resource, name]
    const member: Member = { name, keys, phase, deadlineMs, after: bases, closing: closing(), dependents: 0 }
    this.#room--
    for (const base of bases) base.dependents++
    for (const key of keys) this.#found.set(key, member)
    this.#members.add(member)
    return member
  }

  /** Forgets one. What is built upon it is then built upon what it was built upon. */
  remove(member: Member): boolean {
    if (!this.#members.delete(member)) return false
    for (const other of this.#members) {
      if (!other.after.delete(member)) continue
      for (const base of member.after) {
        if (!other.after.has(base)) base.dependents++
        other.after.add(base)
      }
    }
    for (const base of member.after) base.dependents--
    for (const key of member.keys) this.#found.delete(key)
    return true
  }

  /** Finds it from now on by this too. */
  alias(member: Member, resource: unknown): void {
    if (!this.#members.has(member) || this.#found.has(resource)) return
    member.keys.push(resource)
    this.#found.set(resource, member)
  }

  get(resource: unknown): Member | undefined {
    return this.#found.get(resource)
  }

  /**
   * Takes out whom to close next: servers all together, so that none accepts while another drains; otherwise
   * one, since what was added earlier may be what it lives on without saying so.
   */
  takeNext(): readonly Member[] {
    const free = [...this.#members].filter(({ dependents }) => dependents === 0)
    const phase = phases.find((phase) => free.some((member) => phaseOf(member) === phase))
    const candidates = free.filter((member) => phaseOf(member) === phase).toReversed()
    const taken = phase === 'servers' ? candidates : candidates.slice(0, 1)
    for (const member of taken) {
      this.#members.delete(member)
      for (const base of member.after) base.dependents--
    }
    return taken
  }

  /** Tells all that a shutdown has begun. From now on there is room for so many more that it will end. */
  announce(): void {
    this.#room = mostLate
    for (const { closing } of this.#members) closing.announce?.()
  }

  /** Takes no more. */
  seal(): void {
    this.#room = 0
  }

  #find(base: unknown): Member {
    const member = this.#found.get(base)
    if (member !== undefined) return member
    throw new TypeError(
      `after must hold resources, or names of resources, added before; got ${describe(base)}`,
    )
  }

  #freeName(name: string): string {
    if (!this.#found.has(name)) return name
    let n = 2
    while (this.#found.has(`${name}#${n}`)) n++
    return `${name}#${n}`
  }
}

const mostLate = 1000

function phaseOf({ phase, closing }: Member): ShutdownPhase {
  return phase ?? closing.phase
}

function defaultName(resource: unknown): string {
  const { name, constructor } = Object(resource) as { name?: unknown; constructor?: { name?: string } }
  if (typeof name === 'string' && name !== '') return name
  const className = typeof resource === 'object' ? constructor?.name : undefined
  return className === undefined || /^(Object|Promise|)$/.test(className) ? 'resource' : className
}
