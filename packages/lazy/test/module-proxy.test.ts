import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { LazyImporter, type ModuleKind } from '../src/index.ts'

const folder = new URL('fixtures/', import.meta.url)
const nodeRequire = createRequire(folder)

const modules: Record<string, ModuleKind> = {
  './plain.cjs': 'object',
  './es-module.mjs': 'object',
  './function.cjs': 'function',
  './class.cjs': 'function',
  './instance.cjs': 'object',
  './schema.cjs': 'object',
  './subclass.cjs': 'function',
  './names.mjs': 'object',
  './frozen.cjs': 'object',
  './sealed.cjs': 'object',
  './object.json': 'object',
  './map.cjs': 'object',
  'node:fs': 'object',
  'node:process': 'object',
  'node:events': 'function',
}

const looks: Record<string, (module: Loose) => unknown> = {
  typeof: (module) => typeof module,
  'Object.keys': (module) => Object.keys(module),
  'Reflect.ownKeys': (module) => Reflect.ownKeys(module),
  'Object.entries': (module) => Object.entries(module).length,
  spread: (module) => Object.keys({ ...module }),
  'for in': (module) => {
    const keys = []
    for (const key in module) keys.push(key)
    return keys
  },
  in: (module) =>
    ['name', 'version', 'size', 'toString', 'nothing', inspect.custom].map((key) => key in module),
  'a property': (module) => [module['name'], module['version'], module['size'], module['nothing']],
  'a symbol': (module) => [module[Symbol.toStringTag], module[Symbol.for('code.lazy.label')]],
  'a getter': (module) => module['self'],
  'Object.hasOwn': (module) => Object.hasOwn(module, 'name'),
  'own descriptors': (module) => Object.getOwnPropertyDescriptors(module),
  'the prototype': (module) => Object.getPrototypeOf(module) === Object.prototype,
  'the constructor': (module) => module['constructor'],
  'String()': (module) => Object.prototype.toString.call(module),
  isExtensible: (module) => Object.isExtensible(module),
  isSealed: (module) => Object.isSealed(module),
  isFrozen: (module) => Object.isFrozen(module),
  'the prototype after isExtensible': (module) => [
    Object.isExtensible(module),
    Object.getPrototypeOf(module) === Object.prototype,
  ],
  'keys once more after isExtensible': (module) => [Object.isExtensible(module), Reflect.ownKeys(module)],
  'deleting what is not there': (module) => Reflect.deleteProperty(module, 'nothing'),
}

interface Loose {
  [key: PropertyKey]: unknown
}

test.each(Object.keys(modules))('the proxy of %s looks like the module', (specifier) => {
  const module = nodeRequire(specifier) as Loose
  const kind = modules[specifier]!
  const used = proxyOf(specifier, kind)
  void used['name']
  for (const [name, look] of Object.entries(looks)) {
    const expected = look(module)
    expect(look(proxyOf(specifier, kind)), `${name}, as the first touch`).toEqual(expected)
    // In this order, one after the other on one proxy: an earlier look must not harm a later one.
    expect(look(used), name).toEqual(expected)
  }
})

test.each(Object.keys(modules))('console.log shows %s itself once it is loaded', (specifier) => {
  const module = nodeRequire(specifier) as Loose
  const proxy = proxyOf(specifier, modules[specifier])
  void proxy['name']
  expect(inspect(proxy, { depth: 0 })).toBe(inspect(module, { depth: 0 }))
  expect(inspect({ inside: proxy }, { depth: 0 })).toBe(inspect({ inside: module }, { depth: 0 }))
})

test('JSON says what the module holds', () => {
  expect(JSON.stringify(proxyOf('./object.json'))).toBe('{"name":"json","list":[1]}')
})

test('a function is called with its arguments and its this', () => {
  const add = proxyOf('./function.cjs', 'function') as unknown as Add
  const self = {}
  expect(add(1, 2).sum).toBe(3)
  expect(add.call(self, 1, 2)).toEqual({ sum: 3, self })
  expect(add.version).toBe(3)
})

test('a class is constructed, extended and asked for its instances', () => {
  const Point = proxyOf('./class.cjs', 'function') as unknown as PointClass
  const Real = nodeRequire('./class.cjs') as PointClass
  class Near extends Point {}
  const near = new Near(2)
  expect(new Point(1)).toBeInstanceOf(Real)
  expect(new Real(1)).toBeInstanceOf(Point)
  expect(near).toBeInstanceOf(Near)
  expect(near).toBeInstanceOf(Real)
  expect(near.x).toBe(2)
  expect(Point.at(3).x).toBe(3)
  expect(Object.getPrototypeOf(new Point(1))).toBe(Real.prototype)
  expect(() => (Point as unknown as () => void)()).toThrow(/without 'new'/)
})

test('then is that of a module which another proxy loaded', () => {
  const { proxy } = fresh('./plain.cjs')
  Reflect.set(proxy, 'then', 'exported')
  const importer = new LazyImporter(folder)
  void importer.importModule<Loose>('./plain.cjs')['name']
  expect(importer.importModule<Loose>('./plain.cjs')['then']).toBe('exported')
})

test('an arrow function refuses new, as without a proxy', () => {
  const now = new LazyImporter(folder).importModule<new () => object>('./arrow.cjs', { kind: 'function' })
  expect(() => new now()).toThrow(TypeError)
})

test.each(['./plain.cjs', './es-module.mjs'])(
  'bindings of %s are live, also once they were listed',
  (specifier) => {
    const module = proxyOf(specifier) as unknown as { count: number; increase(): number }
    const { count } = module
    module.increase()
    expect(module.count).toBe(count + 1)
    expect(Object.getOwnPropertyDescriptors(module)).toHaveProperty('count')
    module.increase()
    expect(module.count).toBe(count + 2)
    expect({ ...module }.count).toBe(count + 2)
  },
)

test('a function called through the proxy can use this', () => {
  const plain = proxyOf('./plain.cjs') as unknown as { whoCalls(): string }
  expect(plain.whoCalls()).toBe('plain')
})

test('what is changed through the proxy is changed in the module', () => {
  const { module, proxy } = fresh('./plain.cjs')
  proxy['added'] = 1
  expect(module['added']).toBe(1)
  Object.defineProperty(proxy, 'fixed', { value: 2 })
  expect(Object.getOwnPropertyDescriptor(module, 'fixed')).toEqual(
    Object.getOwnPropertyDescriptor(proxy, 'fixed'),
  )
  expect(() => Object.defineProperty(proxy, 'fixed', { value: 3 })).toThrow(TypeError)
  expect(Reflect.set(proxy, 'fixed', 3)).toBe(false)
  expect(Reflect.deleteProperty(proxy, 'fixed')).toBe(false)
  expect(delete proxy['added']).toBe(true)
  expect('added' in module).toBe(false)
  const parent = { inherited: true }
  Object.setPrototypeOf(proxy, parent)
  expect(Object.getPrototypeOf(module)).toBe(parent)
  expect(proxy['inherited']).toBe(true)
})

test('what is changed in the module is seen through the proxy', () => {
  const { module, proxy } = fresh('./plain.cjs')
  expect(Object.keys(proxy)).toEqual(Object.keys(module))
  module['added'] = 1
  expect([proxy['added'], 'added' in proxy]).toEqual([1, true])
  delete module['name']
  expect([proxy['name'], 'name' in proxy]).toEqual([undefined, false])
  expect(Object.keys(proxy)).toEqual(Object.keys(module))
})

test('a module can be closed to new properties through its proxy', () => {
  const { module, proxy } = fresh('./plain.cjs')
  Object.preventExtensions(proxy)
  expect(Object.isExtensible(module)).toBe(false)
  expect(Reflect.set(proxy, 'added', 1)).toBe(false)
  // Deleting still works, and the language compares the rest with what was promised.
  delete module['name']
  expect(delete proxy['whoCalls']).toBe(true)
  expect(Reflect.ownKeys(proxy)).toEqual(Reflect.ownKeys(module))
  expect('name' in proxy).toBe(false)
  Object.freeze(proxy)
  expect(Object.isFrozen(module)).toBe(true)
})

test('neither console.log nor a promise loads a module', async () => {
  const importer = new LazyImporter(folder)
  const plain = importer.importModule('./plain.cjs')
  const point = importer.importModule('./class.cjs', { kind: 'function' })
  expect(inspect({ plain, point })).toBe(
    '{\n  plain: [lazy module ./plain.cjs, not loaded],\n  point: [lazy module ./class.cjs, not loaded]\n}',
  )
  expect(await Promise.resolve(plain)).toBe(plain)
  expect(importer.report()).toEqual([])
})

test.each([
  ['./plain.cjs', 'function', "exports an object: use importModule('./plain.cjs') without kind 'function'"],
  ['./class.cjs', 'object', "exports a function: use importModule('./class.cjs', { kind: 'function' })"],
  ['./array.json', 'object', 'exports an array: use resolved() with this proxy'],
  ['./number.json', 'object', 'exports 7, which is no object: use require'],
] as const)('%s taken for kind %s is named, with what to write', (specifier, kind, problem) => {
  const proxy = proxyOf(specifier, kind)
  expect(() => Object.keys(proxy)).toThrow(
    expect.objectContaining({ code: 'LAZY_WRONG_KIND', message: expect.stringContaining(problem) }),
  )
  expect(() => Object.keys(proxy), 'at each touch').toThrow(problem)
})

test('an array comes without a proxy', () => {
  const importer = new LazyImporter(folder)
  const proxy = importer.importModule<number[]>('./array.json')
  expect(importer.resolved(proxy)).toEqual([1, 2])
  expect(inspect(proxy)).toBe('[ 1, 2 ]')
})

interface Add {
  (this: unknown, a: number, b: number): { sum: number }
  readonly version: number
}

interface PointClass {
  new (x: number): { x: number }
  at(x: number): { x: number }
}

function proxyOf(specifier: string, kind: ModuleKind = 'object'): Loose {
  return new LazyImporter(folder).importModule<Loose>(specifier, { kind })
}

/** A module nobody has changed yet. */
function fresh(specifier: string): { module: Loose; proxy: Loose } {
  delete nodeRequire.cache[nodeRequire.resolve(specifier)]
  return { module: nodeRequire(specifier) as Loose, proxy: proxyOf(specifier) }
}
