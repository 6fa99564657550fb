import { compileFunction } from 'node:vm'

/**
 * Reads like the namespace of an ES module, only sooner: V8 is slow to find an export unless its name was compiled
 * in. So each gets a getter of its own, which keeps the binding live (bench/run.ts; closures are slower).
 */
export function namedReads(namespace: object): Record<PropertyKey, unknown> {
  // In brackets, `__proto__` is a name as any other.
  const getters = Object.getOwnPropertyNames(namespace)
    .map((name) => JSON.stringify(name))
    .map((name) => `get [${name}]() { return module[${name}] }`)
  const code = `return { __proto__: module, ${getters.join()} }`
  return (compileFunction(code, ['module']) as (module: object) => Record<PropertyKey, unknown>)(namespace)
}
