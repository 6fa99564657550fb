import { inspect, type InspectOptions } from 'node:util'
import { isModuleNamespaceObject } from 'node:util/types'
import type { ModuleLoader } from './module-loader.ts'
import { namedReads } from './named-reads.ts'

/** What `typeof` says of a module that is not there yet: most export an object, some a function or class. */
export type ModuleKind = 'object' | 'function'

/** Stands for a module: whatever is done to it loads the module and is then done to that. */
export function moduleProxy(loader: ModuleLoader, kind: ModuleKind): object {
  const target = kind === 'function' ? constructible() : {}
  const traps = new FirstTouch(loader, kind, target)
  Object.defineProperty(target, inspect.custom, {
    configurable: true,
    value(this: unknown, depth: number, options: InspectOptions) {
      return traps.inspect(this, { ...options, depth })
    },
  })
  return (traps.proxy = new Proxy(target, traps))
}

/** Only a function can be called or constructed; a bound one has no property that could not be deleted. */
function constructible(): object {
  const target: object = Object.bind(undefined)
  Reflect.deleteProperty(target, 'name')
  Reflect.deleteProperty(target, 'length')
  return target
}

/**
 * The traps of a loaded module. There is none for `get`: the target inherits from the module, and V8 reads that
 * sooner than it calls a trap, if only the trap is absent, not undefined (bench/run.ts, against import-lazy).
 */
class Traps implements ProxyHandler<object> {
  readonly #loader: ModuleLoader
  readonly #kind: ModuleKind
  readonly #target: object
  #module: object | undefined
  /** Of an ES module only: reads like it, but sooner. */
  #reads: Record<PropertyKey, unknown> | undefined
  #methods: WeakMap<object, object> | undefined
  proxy: object | undefined

  constructor(loader: ModuleLoader, kind: ModuleKind, target: object) {
    this.#loader = loader
    this.#kind = kind
    this.#target = target
  }

  get isLoaded(): boolean {
    return this.#loader.isLoaded
  }

  /** The module, loaded if it was not. */
  module(): object {
    return this.#module ?? this.#adopt(this.#loader.loadSync())
  }

  /** Where a trap answers, getters, setters and methods see the module as `this`; where V8 does, the proxy. */
  actual(receiver: unknown): unknown {
    return receiver === this.proxy ? this.module() : receiver
  }

  /** The value of a property, where the target cannot answer. */
  read(key: PropertyKey, receiver: unknown): unknown {
    const module = this.module()
    return this.#reads === undefined ? Reflect.get(module, key, this.actual(receiver)) : this.#reads[key]
  }

  /** A method of a class may check who calls it (`#private` fields, a `Map`): it gets the instance as `this`. */
  method(key: PropertyKey, method: object): object {
    if (this.#methods === undefined || key === 'constructor' || Object.hasOwn(this.module(), key)) {
      return method
    }
    // A proxy and not a bound function: it may be a class that somebody extends, or hold properties.
    const apply = (call: object, self: unknown, args: unknown[]): unknown =>
      Reflect.apply(call as () => unknown, this.actual(self), args)
    const through = this.#methods.get(method) ?? new Proxy(method, { apply })
    this.#methods.set(method, through)
    return through
  }

  /** `console.log` must not load anything. It asks also for what inherits from the proxy. */
  inspect(self: unknown, options: InspectOptions): string {
    if (self !== this.proxy) return inspect(self, { ...options, customInspect: false })
    if (this.isLoaded) return inspect(this.#loader.loadSync(), options)
    return `[lazy module ${this.#loader.specifier}, not loaded]`
  }

  set(_target: object, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    return Reflect.set(this.module(), key, value, this.actual(receiver))
  }

  has(_target: object, key: PropertyKey): boolean {
    this.#mirror(key)
    return Reflect.has(this.module(), key)
  }

  apply(_target: object, self: unknown, args: unknown[]): unknown {
    return Reflect.apply(this.module() as () => unknown, self, args)
  }

  construct(_target: object, args: unknown[], newTarget: unknown): object {
    const module = this.module() as new () => object
    return Reflect.construct(module, args, this.actual(newTarget) as typeof module)
  }

  ownKeys(): PropertyKey[] & (string | symbol)[] {
    const module = this.module()
    if (this.#isSealed) for (const key of Reflect.ownKeys(this.#target)) this.#mirror(key)
    return Reflect.ownKeys(module)
  }

  getOwnPropertyDescriptor(_target: object, key: PropertyKey): PropertyDescriptor | undefined {
    this.#mirror(key)
    return Reflect.getOwnPropertyDescriptor(this.module(), key)
  }

  defineProperty(_target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    const done = Reflect.defineProperty(this.module(), key, descriptor)
    this.#mirror(key)
    return done
  }

  deleteProperty(_target: object, key: PropertyKey): boolean {
    const done = Reflect.deleteProperty(this.module(), key)
    this.#mirror(key)
    return done
  }

  getPrototypeOf(): object | null {
    return Reflect.getPrototypeOf(this.module())
  }

  setPrototypeOf(_target: object, prototype: object | null): boolean {
    return Reflect.setPrototypeOf(this.module(), prototype)
  }

  isExtensible(): boolean {
    const extensible = Reflect.isExtensible(this.module())
    if (!extensible) this.#seal()
    return extensible
  }

  preventExtensions(): boolean {
    return Reflect.preventExtensions(this.module()) && !this.isExtensible()
  }

  #adopt(module: object): object {
    const kind = typeof module === 'function' ? 'function' : 'object'
    if (kind !== this.#kind || Array.isArray(module)) throw this.#wrongKind(module)
    this.#module = module
    if (inheritsMethods(module)) {
      this.#methods = new WeakMap()
      Reflect.setPrototypeOf(this, Forwarding.prototype)
    } else {
      if (isModuleNamespaceObject(module)) this.#reads = namedReads(module)
      Reflect.setPrototypeOf(this.#target, this.#reads ?? module)
      Reflect.setPrototypeOf(this, Traps.prototype)
    }
    return module
  }

  #wrongKind(module: object): Error {
    const { specifier } = this.#loader
    const [what, remedy] = Array.isArray(module)
      ? ['an array', 'resolved() with this proxy']
      : typeof module === 'function'
        ? ['a function', `importModule('${specifier}', { kind: 'function' })`]
        : ['an object', `importModule('${specifier}') without kind 'function'`]
    return this.#loader.error('LAZY_WRONG_KIND', `exports ${what}: use ${remedy}`)
  }

  get #isSealed(): boolean {
    return !Reflect.isExtensible(this.#target)
  }

  /**
   * The language compares what traps answer with the target: a property that cannot be deleted, or that belongs
   * to what cannot be extended, must be there too. From then on reads have to pass by the target.
   */
  #mirror(key: PropertyKey): void {
    const own = Reflect.getOwnPropertyDescriptor(this.module(), key)
    if (own === undefined) {
      if (this.#isSealed) Reflect.deleteProperty(this.#target, key)
    } else if (!own.configurable || this.#isSealed) {
      Reflect.defineProperty(this.#target, key, own)
      Reflect.setPrototypeOf(this, Forwarding.prototype)
    }
  }

  #seal(): void {
    if (this.#isSealed) return
    const module = this.module()
    for (const key of Reflect.ownKeys(module)) {
      Reflect.defineProperty(this.#target, key, Reflect.getOwnPropertyDescriptor(module, key)!)
    }
    Reflect.setPrototypeOf(this.#target, Reflect.getPrototypeOf(module))
    Reflect.preventExtensions(this.#target)
    Reflect.setPrototypeOf(this, Forwarding.prototype)
  }
}

/** Before the module is there. */
class FirstTouch extends Traps {
  get(_target: object, key: PropertyKey, receiver: unknown): unknown {
    // What an async function returns is asked for `then`: that is no use of the module.
    if (key === 'then' && !this.isLoaded) return undefined
    this.module()
    return Reflect.get(this.proxy!, key, receiver)
  }
}

/** Where the target cannot answer for the module: see `#mirror` and `method`. */
class Forwarding extends Traps {
  get(_target: object, key: PropertyKey, receiver: unknown): unknown {
    const value = this.read(key, receiver)
    return typeof value === 'function' ? this.method(key, value) : value
  }
}

/** Whether it is an instance of a class. */
function inheritsMethods(module: object): boolean {
  if (typeof module === 'function') return false
  let prototype = Reflect.getPrototypeOf(module)
  while (prototype !== null && prototype !== Object.prototype) {
    if (Reflect.ownKeys(prototype).some((key) => key !== 'constructor')) return true
    prototype = Reflect.getPrototypeOf(prototype)
  }
  return false
}
