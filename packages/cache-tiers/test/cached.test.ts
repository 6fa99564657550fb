import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, expectTypeOf, test } from 'vitest'
import { AsyncLRUCache, type Cached } from '../src/index.ts'
import type * as users from './fixtures/users.ts'

test('a cached function computes once for the same arguments', async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  const calls: unknown[][] = []
  const add = cache.cached(async (a: number, b: number) => {
    calls.push([a, b])
    return a + b
  })
  expect(await Promise.all([add(1, 2), add(1, 2), add(2, 1)])).toEqual([3, 3, 3])
  expect(calls).toEqual([
    [1, 2],
    [2, 1],
  ])
})

test('arguments of different types are different', async () => {
  const cache = new AsyncLRUCache({ maxSize: 100 })
  const typeOf = cache.cached((...args: unknown[]) => args.map((value) => typeof value).join())
  const lists = [
    ['1'],
    [1],
    [1n],
    [true],
    ['true'],
    [undefined],
    ['undefined'],
    [],
    [''],
    ['1', '2'],
    ['1,2'],
    ['"1","2"'],
  ]
  for (const list of lists) expect(await typeOf(...list)).toBe(list.map((value) => typeof value).join())
  expect([await typeOf(null), await typeOf('null')]).toEqual(['object', 'string'])
  expect(cache.size).toBe(lists.length + 2)
})

test('functions that share a cache share no result', async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  const make = (result: string): Cached<[number], string> => cache.cached((id: number) => `${result} ${id}`)
  const [first, second] = [make('first'), make('second')]
  expect([await first(1), await second(1)]).toEqual(['first 1', 'second 1'])
})

test('an argument that is an object needs a key function', async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  const nameOf = cache.cached((user: { id: number }) => `user ${user.id}`)
  expect(() => nameOf({ id: 1 })).toThrow(
    new TypeError('argument 1 is of type object: give the function a `key`'),
  )
  const keyed = cache.cached((user: { id: number }) => `user ${user.id}`, { key: (user) => `u${user.id}` })
  expect([await keyed({ id: 1 }), cache.get('u1')]).toEqual(['user 1', 'user 1'])
})

test('invalidate forgets one result and refresh computes it anew', async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  let computes = 0
  const count = cache.cached((name: string) => name + ++computes)
  expect([await count('a'), await count('b')]).toEqual(['a1', 'b2'])
  expect([count.invalidate('a'), count.invalidate('a')]).toEqual([true, false])
  expect([await count('a'), await count('b')]).toEqual(['a3', 'b2'])
  expect([await count.refresh('b'), await count('b')]).toEqual(['b4', 'b4'])
})

test('a cached function has a ttl of its own', async () => {
  let now = 0
  const cache = new AsyncLRUCache({ maxSize: 10, clock: () => now })
  let computes = 0
  const count = cache.cached(() => ++computes, { ttlMs: 10 })
  await count()
  now = 10
  expect(await count()).toBe(2)
})

test('a function that calls itself with other arguments is no deadlock', async () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 100 })
  const fibonacci: Cached<[number], number> = cache.cached(async (n: number): Promise<number> =>
    n < 2 ? n : (await fibonacci(n - 1)) + (await fibonacci(n - 2)),
  )
  expect([await fibonacci(50), cache.stats().computes]).toEqual([12_586_269_025, 51])
})

test('where keys are not strings a key function is required', () => {
  const cache = new AsyncLRUCache<number, string>({ maxSize: 10 })
  const hex = cache.cached((n: number) => n.toString(16), { key: (n) => n })
  expectTypeOf(hex).toExtend<(n: number) => Promise<string>>()
  // @ts-expect-error no key function
  cache.cached((n: number) => n.toString(16))
  // @ts-expect-error results are strings in this cache
  cache.cached((n: number) => n, { key: (n) => n })
})

test('cachedMethod decorates methods, each instance with its own results', { timeout: 60_000 }, async () => {
  const cache = new AsyncLRUCache({ maxSize: 10 })
  const folder = await mkdtemp(join(tmpdir(), 'cached-method-'))
  try {
    const { usersClass } = await builtFixture(folder)
    const Users = usersClass(cache)
    const [east, west] = [new Users('east'), new Users('west')]
    expect([await east.find(1), await east.find(1), await west.find(1)]).toEqual([
      'east/1',
      'east/1',
      'west/1',
    ])
    expect([await east.both('a', 'b'), await west.both('a', 'b')]).toEqual(['east/a-b', 'east/a-b'])
    expect([east.reads, west.reads, cache.get('a b')]).toEqual([2, 1, 'east/a-b'])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('cachedMethod is a function that a decorator call may also be made of', async () => {
  const cache = new AsyncLRUCache<string, number>({ maxSize: 10 })
  let computes = 0
  const method = async (): Promise<number> => ++computes
  const context = { kind: 'method', name: 'count' } as ClassMethodDecoratorContext<object>
  const counter = { count: cache.cachedMethod()(method, context) }
  expect([await counter.count(), await counter.count()]).toEqual([1, 1])
})

async function builtFixture(outDir: string): Promise<typeof users> {
  const tsc = path('../../../node_modules/typescript/bin/tsc')
  const options = ['--ignoreConfig', '--noCheck', '--target', 'es2024', '--rootDir', path('..')]
  const args = [tsc, ...options, '--outDir', outDir, path('fixtures/users.ts')]
  await promisify(execFile)(process.execPath, args)
  return (await import(pathToFileURL(join(outDir, 'test/fixtures/users.js')).href)) as typeof users
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
