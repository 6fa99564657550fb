import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { LazyImporter, type ModuleKind } from '../src/index.ts'

// What a module inherits, and what inherits from it.

const folder = new URL('fixtures/', import.meta.url)
const nodeRequire = createRequire(folder)

test('static methods make what inherits from the class', () => {
  const Sub = proxyOf('./subclass.cjs', 'function') as unknown as SubClass
  class Lowest extends Sub {}
  expect(Lowest.make()).toBeInstanceOf(Lowest)
  expect(Sub.make()).toBeInstanceOf(nodeRequire('./subclass.cjs') as SubClass)
})

test('new.target is the class itself, or what extends it', () => {
  const add = proxyOf('./function.cjs', 'function') as unknown as new () => { by: unknown }
  class Near extends add {}
  expect(new add().by).toBe(nodeRequire('./function.cjs'))
  expect(new Near().by).toBe(Near)
})

test('console.log shows a class that extends the module as itself', () => {
  const Point = proxyOf('./class.cjs', 'function') as unknown as PointClass
  class Near extends Point {}
  expect(inspect(Near)).toMatch(/^\[class Near extends Point/)
})

test('what an instance inherits is as without a proxy: classes, and methods that another object may call', () => {
  const schema = proxyOf('./schema.cjs') as unknown as Mongoose
  const { Schema } = nodeRequire('./schema.cjs') as Mongoose
  class User extends schema.Schema {}
  expect(schema.Schema.Types).toEqual({ id: 1 })
  expect([schema.Schema.name, new User() instanceof Schema]).toEqual(['Schema', true])
  const other = {}
  expect(schema.whoCalls.call(other)).toBe(other)
  expect(schema.whoCalls()).toBe(nodeRequire('./schema.cjs'))
  expect(schema.open() + 1).toBe(schema.open())
})

test('a getter gets the proxy as this, resolved() the module', () => {
  const importer = new LazyImporter(folder)
  const Sub = importer.importModule<SubClass>('./subclass.cjs', { kind: 'function' })
  expect(importer.resolved(Sub).secret).toBe('sub')
  expect(() => Sub.secret).toThrow(TypeError)
})

test('methods and getters of an instance find its private fields', () => {
  const registry = proxyOf('./instance.cjs') as unknown as {
    readonly add: (name: string) => unknown
    size: number
    Registry: unknown
  }
  const { size } = registry
  registry.add('one more')
  expect(registry.size).toBe(size + 1)
  expect(registry.add).toBe(registry.add)
  expect(registry).toBeInstanceOf(registry.Registry as () => void)
  const map = proxyOf('./map.cjs') as unknown as Map<number, number>
  expect([map.get(1), map.size, [...map]]).toEqual([2, 1, [[1, 2]]])
})

test('an object that inherits from the proxy is not the module', () => {
  const proxy = proxyOf('./plain.cjs') as { name: string; self: string }
  const child = Object.create(proxy) as typeof proxy
  child.name = 'child'
  expect([child.name, proxy.name, child.self]).toEqual(['child', 'plain', 'child'])
})

interface SubClass {
  new (): object
  readonly secret: string
  make(): object
}

interface Mongoose {
  readonly Schema: { new (): object; readonly Types: object }
  open(): number
  whoCalls(this: unknown): unknown
}

interface PointClass {
  new (x: number): { x: number }
}

function proxyOf(specifier: string, kind: ModuleKind = 'object'): object {
  return new LazyImporter(folder).importModule(specifier, { kind })
}
