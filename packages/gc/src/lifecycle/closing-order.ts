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
  /** What is built upon it and not closed yet. */
  readonly dependents: Set<Member>
  /** The how-manieth it was to be added. */
  readonly number: number
  /** Where it waits for its turn, once nothing is built upon it. */
  ready: Member[] | undefined
}

/**
 * Who is closed when: what others are built upon after them; else by phase; else the last added first.
 * Since `after` names what was added before, there are no cycles.
 */
export class ClosingOrder {
  readonly #members = new Set<Member>()
  readonly #found = new Map<unknown, Member>()
  /** What may be closed now, by phase, each in order of adding. */
  readonly #ready: Readonly<Record<ShutdownPhase, Member[]>> = {
    servers: [],
    work: [],
    resources: [],
    telemetry: [],
  }
  /** The last number that made a default name unique. */
  readonly #numbers = new Map<string, number>()
  #added = 0
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
    const member: Member = {
      name,
      keys,
      phase,
      deadlineMs,
      after: bases,
      closing: closing(),
      dependents: new Set(),
      number: this.#added++,
      ready: undefined,
    }
    this.#room--
    for (const base of bases) this.#hold(base, member)
    for (const key of keys) this.#found.set(key, member)
    this.#members.add(member)
    this.#queue(member)
    return member
  }

  /** Forgets one. What is built upon it is then built upon what it was built upon. */
  remove(member: Member): boolean {
    if (!this.#members.delete(member)) return false
    unqueue(member)
    for (const other of member.dependents) {
      other.after.delete(member)
      for (const base of member.after) {
        other.after.add(base)
        this.#hold(base, other)
      }
    }
    this.#free(member)
    for (const key of member.keys) this.#found.delete(key)
    return true
  }

  /** Finds it from now on by this too. */
  alias(member: Member, resource: unknown): void {
    if (!this.#members.has(member) || this.#found.has(resource)) return
    member.keys.push(resource)
    this.#found.set(resource, member)
    // What was opened may be a server.
    if (member.ready === undefined) return
    unqueue(member)
    this.#queue(member)
  }

  get(resource: unknown): Member | undefined {
    return this.#found.get(resource)
  }

  /**
   * Takes out whom to close next: servers all together, so that none accepts while another drains; otherwise
   * one, since what was added earlier may be what it lives on without saying so.
   */
  takeNext(): readonly Member[] {
    const phase = phases.find((phase) => this.#ready[phase].length > 0)
    if (phase === undefined) return []
    const taken = this.#ready[phase].splice(phase === 'servers' ? 0 : -1).toReversed()
    for (const member of taken) {
      member.ready = undefined
      this.#members.delete(member)
      this.#free(member)
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

  #hold(base: Member, dependent: Member): void {
    base.dependents.add(dependent)
    unqueue(base)
  }

  /** Lets go of what a member was built upon. */
  #free(member: Member): void {
    for (const base of member.after) {
      if (base.dependents.delete(member) && base.dependents.size === 0 && this.#members.has(base)) {
        this.#queue(base)
      }
    }
  }

  #queue(member: Member): void {
    member.ready = this.#ready[phaseOf(member)]
    member.ready.splice(placeIn(member.ready, member), 0, member)
  }

  #freeName(name: string): string {
    if (!this.#found.has(name)) return name
    let n = this.#numbers.get(name) ?? 1
    do n++
    while (this.#found.has(`${name}#${n}`))
    this.#numbers.set(name, n)
    return `${name}#${n}`
  }
}

const mostLate = 1000

function unqueue(member: Member): void {
  member.ready?.splice(placeIn(member.ready, member), 1)
  member.ready = undefined
}

/** Where it stands in a list by number, or would; mostly at the end. */
function placeIn(list: readonly Member[], { number }: Member): number {
  let [from, to] = [0, list.length]
  if (to > 0 && list[to - 1]!.number < number) return to
  while (from < to) {
    const middle = (from + to) >> 1
    if (list[middle]!.number < number) from = middle + 1
    else to = middle
  }
  return from
}

function phaseOf({ phase, closing }: Member): ShutdownPhase {
  return phase ?? closing.phase
}

function defaultName(resource: unknown): string {
  const { name, constructor } = Object(resource) as { name?: unknown; constructor?: { name?: string } }
  if (typeof name === 'string' && name !== '') return name
  const className = typeof resource === 'object' ? constructor?.name : undefined
  return className === undefined || /^(Object|Promise|)$/.test(className) ? 'resource' : className
}
