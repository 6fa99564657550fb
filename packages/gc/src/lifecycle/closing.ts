import { Server } from 'node:net'
import { describe, type ShutdownPhase } from './options.ts'
import { ServerDrain } from './server-drain.ts'

/** What `add` and `managed` take: whatever has a verb for its end. */
export type Closable =
  | { close(): unknown }
  | { close(options: { readonly deadlineMs: number }): unknown }
  | AsyncDisposable
  | Disposable
  | { cleanup(): unknown }

/** A function that is added closes something else. It is given the deadline if its source asks for it. */
export type ClosingFunction = (options: { readonly deadlineMs: number }) => unknown

/** How one resource is closed. */
export interface Closing {
  readonly phase: ShutdownPhase
  /** Begins the closing; `deadlineMs` is for resources that can end by themselves in time. */
  close(deadlineMs: number): unknown
  /** The shutdown has begun, this closing not yet. */
  announce?(): void
  /** It will not be closed by us. */
  release?(): void
}

/** The verb that a caller gave for one resource. */
export type OwnVerb = (resource: unknown, options: { readonly deadlineMs: number }) => unknown

export type VerbName = 'close' | 'cleanup' | typeof Symbol.dispose | typeof Symbol.asyncDispose

/** The verbs for an end. */
export const verbs: readonly VerbName[] = ['close', 'cleanup', Symbol.dispose, Symbol.asyncDispose]

type Verb = (options?: { readonly deadlineMs: number }) => unknown

/**
 * Finds out how something is closed: by the verb given for it; a server of Node.js is drained, a function
 * called; anything else by the first it has of a `close` that takes `{ deadlineMs }`, `Symbol.asyncDispose`,
 * `close()`, `Symbol.dispose`, `cleanup()`.
 *
 * @throws {TypeError} when there is no way
 */
export function closingOf(resource: unknown, own?: OwnVerb): Closing {
  const isServer = resource instanceof Server
  if (own !== undefined) {
    return {
      phase: isServer ? 'servers' : 'resources',
      close: (deadlineMs) => own(resource, { deadlineMs }),
    }
  }
  if (isServer) return new ServerDrain(resource)
  const verb = verbOf(resource)
  if (verb === undefined) {
    throw new TypeError(
      `a resource must be a function, a server, or have close(), Symbol.asyncDispose, Symbol.dispose or cleanup(); got ${describe(resource)}`,
    )
  }
  const takes = takesDeadline(verb)
  return {
    phase: 'resources',
    close: (deadlineMs) => Reflect.apply(verb, resource, takes ? [{ deadlineMs }] : []),
  }
}

function verbOf(resource: unknown): Verb | undefined {
  if (typeof resource === 'function') return isClass(resource) ? undefined : (resource as Verb)
  if (typeof resource !== 'object' || resource === null) return undefined
  const candidate = resource as Partial<Record<VerbName, Verb>>
  if (isVerb(candidate.close) && takesDeadline(candidate.close)) return candidate.close
  return [candidate[Symbol.asyncDispose], candidate.close, candidate[Symbol.dispose], candidate.cleanup].find(
    isVerb,
  )
}

function isVerb(value: unknown): value is Verb {
  return typeof value === 'function'
}

function isClass(value: unknown): boolean {
  return /^class\b/.test(String(value))
}

/**
 * Only its source tells whether a function wants `{ deadlineMs }`, and a bound one has none. To hand it over
 * unasked would be wrong: an object is `force` to the `close` of a BullMQ worker or a MongoDB client, and an error
 * to Fastify's and undici's.
 */
function takesDeadline(verb: Verb): boolean {
  return String(verb).includes('deadlineMs')
}
