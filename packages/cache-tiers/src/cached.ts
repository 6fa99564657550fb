import type { MemoryTier } from './memory-tier.ts'

export interface CachedOptions<A extends unknown[], K> {
  /** The key of a call. @default the function's own, from arguments that are all primitive */
  readonly key?: ((...args: A) => K) | undefined
  /** How long a result is fresh, in milliseconds, above 0. @default the cache's `ttlMs` */
  readonly ttlMs?: number | undefined
}

/** `key` may be left out where keys are strings. */
export type CachedArguments<A extends unknown[], K> = string extends K
  ? [options?: CachedOptions<A, K>]
  : [options: CachedOptions<A, K> & { readonly key: (...args: A) => K }]

/** A function that asks a cache first. */
export interface Cached<A extends unknown[], R> {
  (...args: A): Promise<R>
  /** Forgets the result of these arguments; tells whether there was one. */
  invalidate(...args: A): boolean
  /** Computes the result of these arguments anew; the old one is served until then. */
  refresh(...args: A): Promise<R>
}

export function cached<A extends unknown[], K, R extends V, V>(
  cache: MemoryTier<K, V>,
  fn: (...args: A) => R | Promise<R>,
  { key: keyOf = keyOfCalls(fn.name) as never, ttlMs }: CachedOptions<A, K> = {},
): Cached<A, R> {
  // What comes out under these keys is what `fn` put in, hence the casts from V to R.
  const call = (...args: A): Promise<R> =>
    cache.getOrCompute(keyOf(...args), () => fn(...args), { ttlMs }) as Promise<R>
  const invalidate = (...args: A): boolean => cache.delete(keyOf(...args))
  const refresh = (...args: A): Promise<R> =>
    cache.refresh(keyOf(...args), () => fn(...args), { ttlMs }) as Promise<R>
  return Object.assign(call, { invalidate, refresh })
}

export interface CachedMethodOptions<This, A extends unknown[], K> {
  /** The key of a call; `this` is the instance. @default the instance's own, from arguments that are all primitive */
  readonly key?: ((this: This, ...args: A) => K) | undefined
  /** How long a result is fresh, in milliseconds, above 0. @default the cache's `ttlMs` */
  readonly ttlMs?: number | undefined
}

/** A standard method decorator for methods that take `A` and resolve a `V`. */
export type CachedMethodDecorator<This, A extends unknown[], V> = <
  M extends (this: This, ...args: A) => Promise<V>,
>(
  method: M,
  context: ClassMethodDecoratorContext<This>,
) => M

export function cachedMethod<This extends object, A extends unknown[], K, V>(
  cache: MemoryTier<K, V>,
  { key, ttlMs }: CachedMethodOptions<This, A, K>,
): CachedMethodDecorator<This, A, V> {
  return <M extends (this: This, ...args: A) => Promise<V>>(
    method: M,
    context: ClassMethodDecoratorContext<This>,
  ) => {
    const keyOf: (this: This, ...args: A) => K = key ?? (keyOfMethodCalls(String(context.name)) as never)
    const replacement = function (this: This, ...args: A): Promise<V> {
      return cache.getOrCompute(keyOf.apply(this, args), () => method.apply(this, args), { ttlMs })
    }
    return replacement as M
  }
}

function keyOfMethodCalls(name: string): (this: object, ...args: unknown[]) => string {
  const keysOf = new WeakMap<object, (...args: unknown[]) => string>()
  return function (...args) {
    let keyOf = keysOf.get(this)
    if (keyOf === undefined) keysOf.set(this, (keyOf = keyOfCalls(name)))
    return keyOf(...args)
  }
}

let functions = 0

/** Each function has keys of its own: two that share a cache and an argument don't share a result. */
function keyOfCalls(name: string): (...args: unknown[]) => string {
  const prefix = `${name}#${++functions}`
  return (...args) => `${prefix}(${args.map(keyOfArgument).join()})`
}

function keyOfArgument(argument: unknown, index: number): string {
  switch (typeof argument) {
    case 'string':
      return JSON.stringify(argument)
    case 'bigint':
      return `${argument}n`
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(argument)
    default:
      if (argument === null) return 'null'
      throw new TypeError(`argument ${index + 1} is of type ${typeof argument}: give the function a \`key\``)
  }
}
