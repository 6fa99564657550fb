import { GcError } from './errors.ts'
import { registerInstrument } from './instrument.ts'
import {
  closingOf,
  type Closable,
  type Closing,
  type ClosingFunction,
  type OwnVerb,
} from './lifecycle/closing.ts'
import { ClosingOrder, type Member } from './lifecycle/closing-order.ts'
import { Deadline } from './lifecycle/deadline.ts'
import { LeakLog } from './lifecycle/leak-log.ts'
import { letGo, LivingInstances } from './lifecycle/living-instances.ts'
import { manageClass, type ManageableClass } from './lifecycle/managed-class.ts'
import { Opening } from './lifecycle/opening.ts'
import {
  checkAddOptions,
  checkLifecycleOptions,
  checkShutdownOptions,
  type AddOptions,
  type AddWithCloseOptions,
  type CheckedLifecycleOptions,
  type LifecycleOptions,
  type ShutdownOptions,
  type SignalOptions,
} from './lifecycle/options.ts'
import type { LeakNotice, LifecycleStats, ShutdownReport } from './lifecycle/report.ts'
import { shutDown } from './lifecycle/shutdown.ts'
import { handleSignals, holdExit } from './lifecycle/signals.ts'

/**
 * Closes a service in order: readiness off, pre-stop delay, servers with their requests in flight, work,
 * resources, telemetry. Every step has a deadline and its place in the report; the whole always ends.
 */
export class LifecycleManager implements AsyncDisposable {
  readonly name: string
  readonly #options: CheckedLifecycleOptions
  readonly #order = new ClosingOrder()
  readonly #deadline = new Deadline()
  readonly #leaks = new LeakLog()
  readonly #managed: LivingInstances[] = []
  readonly #unregister: () => void
  #uninstall: (() => void) | undefined
  #closed: Promise<ShutdownReport> | undefined

  /**
   * @throws {TypeError | RangeError} when an option is not what it should be
   */
  constructor(options: LifecycleOptions = {}) {
    this.#options = checkLifecycleOptions(options)
    this.name = options.name ?? `lifecycle-${++unnamed}`
    this.#unregister = registerInstrument('lifecycle', this.name, this)
  }

  /** False from the moment a shutdown begins: what a readiness check answers. */
  get ready(): boolean {
    return this.#closed === undefined
  }

  /**
   * Holds a resource and closes it at shutdown. Returns it. What is added during a shutdown is closed by it too.
   * Of a promise it holds what that comes to, and returns a promise of it to be awaited: it rejects as the given
   * one does, or with a TypeError when there is no way to close what came.
   *
   * @throws {TypeError} when there is no way to close it, it was added before, its name is taken, or `after`
   * names what was not added
   * @throws {GcError} GC_CLOSED when the shutdown has ended, or was given a thousand more to close
   */
  add<T extends Closable | ClosingFunction | Promise<Closable | ClosingFunction>>(
    resource: T,
    options?: AddOptions & OwnClose<T>,
  ): T
  add<T>(resource: T, options: AddWithCloseOptions<Awaited<T>>): T
  add<T>(resource: T, options: AddOptions & OwnClose<T> = {}): T {
    checkAddOptions(options)
    const close = options.close as OwnVerb | undefined
    const closing = (opened: unknown): Closing => {
      const found = closingOf(opened, close)
      // From a managed class: closed in this order now, not with the other instances too.
      letGo(opened)
      return found
    }
    if (resource instanceof Promise) return this.#addOpening(resource, closing, options) as T
    this.#order.add(resource, () => closing(resource), options)
    return resource
  }

  /** Lets go of a resource that was closed otherwise. False when it isn't held. */
  remove(resource: unknown): boolean {
    const member = this.#order.get(resource)
    if (member === undefined || !this.#order.remove(member)) return false
    member.closing.release?.()
    return true
  }

  /**
   * Derives a class from one with a verb for its end; also a standard class decorator, `@lifecycle.managed`. Its
   * instances are held weakly: one that lives at shutdown is cleaned up then, one that is collected before
   * anybody cleaned it up is reported by `leaked()`.
   *
   * @throws {TypeError} when it is no class, or its prototype has no verb
   */
  readonly managed: <C extends ManageableClass>(Class: C, context?: ClassDecoratorContext) => C = (
    Class,
    context,
  ) => manageClass(Class, context, (name) => this.#follow(name))

  /** The latest instances of managed classes that leaked, at most a thousand. */
  leaked(): readonly LeakNotice[] {
    return this.#leaks.latest
  }

  /**
   * Closes on SIGTERM and SIGINT, then exits; a second signal exits at once. Install it first: a signal in the
   * midst of a start then closes what was added so far. The listeners go when the shutdown has ended.
   *
   * @throws {TypeError | RangeError} when an option is not what it should be
   * @throws {GcError} GC_CLOSED when a shutdown has begun
   */
  installSignalHandlers(options: SignalOptions = {}): void {
    if (this.#closed !== undefined) throw new GcError('GC_CLOSED', `${this.name} is closed or closing`)
    const uninstall = handleSignals(options, (shutdown) => this.close(shutdown))
    this.#uninstall?.()
    this.#uninstall = uninstall
  }

  /**
   * Closes everything and tells how that went; never rejects. A second call gets the same report.
   *
   * @throws {RangeError} when an option is not what it should be
   */
  close(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    const { deadlineMs, preStopDelayMs } = checkShutdownOptions(options)
    if (this.#closed === undefined || options.deadlineMs !== undefined) this.#deadline.within(deadlineMs)
    if (this.#closed !== undefined) return this.#closed
    const { promise, resolve } = Promise.withResolvers<ShutdownReport>()
    this.#closed = promise
    resolve(this.#close(preStopDelayMs, holdExit()))
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  stats(): LifecycleStats {
    return Object.freeze({
      resources: this.#order.size,
      managed: this.#managed.reduce((sum, { size }) => sum + size, 0),
      leaks: this.#leaks.count,
      ready: this.ready,
    })
  }

  async #close(preStopDelayMs: number, ended: (report: ShutdownReport) => void): Promise<ShutdownReport> {
    const report = await shutDown({
      ...this.#options,
      order: this.#order,
      deadline: this.#deadline,
      preStopDelayMs,
    })
    this.#deadline.stop()
    this.#uninstall?.()
    this.#unregister()
    ended(report)
    return report
  }

  #addOpening<T>(
    resource: Promise<T>,
    closing: (opened: unknown) => Closing,
    options: AddOptions,
  ): Promise<T> {
    const member = this.#order.add(resource, () => new Opening(resource, closing), options)
    const { settled } = member.closing as Opening
    resource.then(
      (opened) => this.#order.alias(member, opened),
      () => this.#order.remove(member),
    )
    const opened = settled.then(() => resource)
    this.#order.alias(member, opened)
    return opened
  }

  /** The instances of a class take part in the shutdown while there are any. */
  #follow(name: string): LivingInstances {
    const closing: Closing = { phase: 'work', close: (deadlineMs) => living.close(deadlineMs) }
    let label = `${name} instances`
    let member: Member | undefined
    const living = new LivingInstances({
      name,
      sitesEvery: this.#options.sitesEvery,
      leaks: this.#leaks,
      onFirst: () => {
        if (this.#order.isFull) return
        member = this.#order.add({ name: label }, () => closing)
        // They come and go under one name.
        label = member.name
      },
      onNone: () => {
        if (member !== undefined) this.#order.remove(member)
      },
    })
    this.#managed.push(living)
    return living
  }
}

/** A verb that may be there or not. */
type OwnClose<T> = { readonly close?: AddWithCloseOptions<Awaited<T>>['close'] | undefined }

let unnamed = 0
