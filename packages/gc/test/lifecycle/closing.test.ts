import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'
import { runNode } from '../run-node.ts'

test('everything that has a verb for its end is closed, in the reverse order of adding', async () => {
  const ended: string[] = []
  const end = (name: string) => () => void ended.push(name)
  const lifecycle = new LifecycleManager()
  lifecycle.add({ cleanup: end('cleanup') })
  lifecycle.add({ [Symbol.dispose]: end('dispose') })
  lifecycle.add({ [Symbol.asyncDispose]: async () => end('asyncDispose')() })
  lifecycle.add({ close: end('close') })
  lifecycle.add(end('function'))
  expect(await lifecycle.close()).toMatchObject({ closed: true, holders: [] })
  expect(ended).toEqual(['function', 'close', 'asyncDispose', 'dispose', 'cleanup'])
})

test('a close that takes a deadline goes before the disposers, and they before the others', async () => {
  const ended: string[] = []
  const end = (name: string) => () => void ended.push(name)
  const disposers = { [Symbol.asyncDispose]: end('asyncDispose'), [Symbol.dispose]: end('dispose') }
  const lifecycle = new LifecycleManager()
  lifecycle.add({ [Symbol.dispose]: end('dispose'), cleanup: end('cleanup') })
  lifecycle.add({ [Symbol.dispose]: end('dispose'), close: end('close'), cleanup: end('cleanup') })
  lifecycle.add({ ...disposers, close: end('close'), cleanup: end('cleanup') })
  lifecycle.add({ ...disposers, close: ({ deadlineMs = 1 } = {}) => void ended.push(`by ${deadlineMs}`) })
  await lifecycle.close({ deadlineMs: 2000 })
  expect(ended[0]).toMatch(/^by 1[5-8]\d\d$/)
  expect(ended.slice(1)).toEqual(['asyncDispose', 'close', 'dispose'])
})

test('a close that may take an object for force is given none', async () => {
  const forced: unknown[] = []
  const lifecycle = new LifecycleManager()
  lifecycle.add({ close: (force = false) => void forced.push(force) })
  await lifecycle.close()
  expect(forced).toEqual([false])
})

test('a function is given a deadline if it asks for one', async () => {
  const given: number[] = []
  const lifecycle = new LifecycleManager()
  lifecycle.add((options: { readonly deadlineMs: number }) => given.push(options.deadlineMs))
  const maybe: ((resource: unknown) => unknown) | undefined = undefined
  lifecycle.add({ close: () => given.push(0) }, { close: maybe })
  await lifecycle.close({ deadlineMs: 2000 })
  expect(given).toEqual([0, expect.closeTo(1800, -3)])
})

test('ten thousand resources are added and closed in a moment', async () => {
  const lifecycle = new LifecycleManager()
  const startedAt = performance.now()
  for (let n = 0; n < 10_000; n++) lifecycle.add({ close: () => {} })
  expect(performance.now() - startedAt).toBeLessThan(3000)
  const { closed, steps } = await lifecycle.close({ deadlineMs: 3000 })
  expect(closed).toBe(true)
  expect(steps.at(0)!.name).toBe('resource#10000')
})

test('what others were built upon takes its turn by the order of adding', async () => {
  const lifecycle = new LifecycleManager()
  const add = (name: string, after: string[] = []): unknown => lifecycle.add(() => {}, { name, after })
  add('a')
  add('b')
  add('c', ['a'])
  add('d', ['b', 'c'])
  add('e')
  lifecycle.add(() => {}, { name: 'last', phase: 'telemetry', after: ['e'] })
  const { steps } = await lifecycle.close()
  expect(steps.map(({ name }) => name)).toEqual(['d', 'c', 'b', 'a', 'last', 'e'])
})

test('a resource is closed by a verb of its own on demand', async () => {
  const ended: unknown[] = []
  const pool = { end: async (inMs: number) => void ended.push(inMs) }
  const lifecycle = new LifecycleManager()
  expect(lifecycle.add(pool, { close: (pool, { deadlineMs }) => pool.end(deadlineMs) })).toBe(pool)
  // @ts-expect-error: without one it has no verb
  expect(() => lifecycle.add({ end: () => {} })).toThrow(TypeError)
  expect(await lifecycle.close({ deadlineMs: 1000 })).toMatchObject({ closed: true })
  expect(ended).toEqual([expect.closeTo(900, -2)])
})

test('a server with a verb of its own is closed among the servers all the same', async () => {
  const ended: string[] = []
  const lifecycle = new LifecycleManager()
  lifecycle.add(createServer(), { close: () => void ended.push('server') })
  lifecycle.add(() => void ended.push('pool'))
  await lifecycle.close()
  expect(ended).toEqual(['server', 'pool'])
})

test('what another is built upon is closed after it', async () => {
  const ended: string[] = []
  const lifecycle = new LifecycleManager()
  const end = (name: string) => () => void ended.push(name)
  const database = lifecycle.add(end('database'))
  lifecycle.add(end('cache'), { name: 'cache', phase: 'telemetry', after: [database] })
  lifecycle.add(end('api'), { phase: 'telemetry', after: ['cache', database] })
  lifecycle.add(end('other'))
  await lifecycle.close()
  expect(ended).toEqual(['other', 'api', 'cache', 'database'])
})

test('phases go before the order of adding', async () => {
  const lifecycle = new LifecycleManager()
  for (const phase of ['servers', 'work', 'resources', 'telemetry'] as const) {
    lifecycle.add(() => {}, { name: phase, phase })
  }
  lifecycle.add(() => {}, { name: 'by default' })
  const { steps } = await lifecycle.close()
  expect(steps.map(({ name }) => name)).toEqual(['servers', 'work', 'by default', 'resources', 'telemetry'])
})

test('servers are closed together, everything else alone', async () => {
  const events: string[] = []
  const open = Promise.withResolvers<void>()
  const slow = (name: string) => async () => {
    events.push(`${name} begins`)
    await open.promise
    events.push(`${name} ends`)
  }
  const lifecycle = new LifecycleManager()
  lifecycle.add(slow('pool a'))
  lifecycle.add(slow('pool b'))
  lifecycle.add(slow('server a'), { phase: 'servers' })
  lifecycle.add(slow('server b'), { phase: 'servers' })
  const closing = lifecycle.close()
  expect(events).toEqual(['server b begins', 'server a begins'])
  open.resolve()
  await closing
  expect(events.slice(4)).toEqual(['pool b begins', 'pool b ends', 'pool a begins', 'pool a ends'])
})

test('what is built upon a removed resource is then built upon what that was built upon', async () => {
  const ended: string[] = []
  const end = (name: string) => () => void ended.push(name)
  const lifecycle = new LifecycleManager()
  const database = lifecycle.add(end('database'), { name: 'database' })
  const cache = lifecycle.add(end('cache'), { name: 'cache', after: [database] })
  lifecycle.add(end('api'), { phase: 'telemetry', after: [cache] })
  expect(lifecycle.remove(cache)).toBe(true)
  expect(lifecycle.remove(cache)).toBe(false)
  lifecycle.add(end('other'), { name: 'cache' })
  await lifecycle.close()
  expect(ended).toEqual(['other', 'api', 'database'])
})

test('what is still being opened is closed once it is open', async () => {
  const ended: string[] = []
  const opening = Promise.withResolvers<{ cleanup(): void }>()
  const lifecycle = new LifecycleManager()
  const opened = lifecycle.add(opening.promise)
  const closing = lifecycle.close()
  const resource = { cleanup: () => void ended.push('opened late') }
  opening.resolve(resource)
  expect(await opened).toBe(resource)
  expect(await closing).toMatchObject({ closed: true })
  expect(ended).toEqual(['opened late'])
})

test('others can be built upon what was opened, and it can be removed', async () => {
  const ended: string[] = []
  const lifecycle = new LifecycleManager()
  const database = await lifecycle.add(Promise.resolve({ cleanup: () => void ended.push('database') }))
  lifecycle.add(() => void ended.push('api'), { phase: 'telemetry', after: [database] })
  const other = await lifecycle.add(Promise.resolve({ cleanup: () => void ended.push('other') }))
  expect(lifecycle.remove(other)).toBe(true)
  await lifecycle.close()
  expect(ended).toEqual(['api', 'database'])
})

test('an opening that fails leaves nothing to close, and its caller hears why', async () => {
  const lifecycle = new LifecycleManager()
  const refused: Promise<{ cleanup(): void }> = Promise.reject(new Error('refused'))
  await expect(lifecycle.add(refused)).rejects.toThrow('refused')
  expect(await lifecycle.close()).toMatchObject({ closed: true, steps: [] })
})

test('an opening that fails and that nobody waits for is an unhandled rejection', async () => {
  const program = `
    import { LifecycleManager } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url))}
    process.on('unhandledRejection', ({ message }) => console.log(JSON.stringify(message)))
    new LifecycleManager().add(Promise.reject(new Error('refused')))`
  expect(await runNode(['--input-type=module', '-e', program])).toBe('refused')
})

test('what was opened but has no verb is told at once, and by its step', async () => {
  const lifecycle = new LifecycleManager()
  // @ts-expect-error: it has none
  await expect(lifecycle.add(Promise.resolve({ end: () => {} }))).rejects.toThrow(/^a resource must be/)
  const { steps } = await lifecycle.close()
  expect(steps).toMatchObject([{ name: 'resource', ok: false, error: expect.any(TypeError) }])
})

test('wrong arguments are refused at once, with what was expected and what came', () => {
  const lifecycle = new LifecycleManager()
  const wrong = (resource: unknown, options?: object) => () => lifecycle.add(resource as never, options)
  const fine = { cleanup: (): void => {} }
  lifecycle.add(fine, { name: 'fine' })
  expect(wrong(undefined)).toThrow(/^a resource must be a function, a server, .*; got undefined$/)
  expect(wrong(new Map())).toThrow(/; got an object of Map$/)
  expect(wrong(LifecycleManager)).toThrow(/; got the function LifecycleManager$/)
  expect(wrong(fine)).toThrow('a resource is added once; this one was, as fine')
  expect(wrong(() => {}, { name: 'fine' })).toThrow("another resource has the name 'fine'")
  expect(wrong(() => {}, { name: '' })).toThrow("name must be a string that is not empty, got ''")
  expect(wrong(() => {}, { after: ['pool'] })).toThrow(/^after must hold resources, .*; got 'pool'$/)
  expect(wrong(() => {}, { after: fine })).toThrow(/^after must be an array .*, got an object of Object$/)
  expect(wrong(() => {}, { phase: 'last' })).toThrow(/^phase must be one of servers, .*, got 'last'$/)
  expect(wrong(() => {}, { deadlineMs: 0 })).toThrow(RangeError)
  expect(wrong({}, { close: 'end' })).toThrow(TypeError)
  expect(lifecycle.stats().resources).toBe(1)
  expect(() => new LifecycleManager({ stepDeadlineMs: -1 })).toThrow(RangeError)
  expect(() => new LifecycleManager({ name: 5 as never })).toThrow(TypeError)
  expect(() => new LifecycleManager({ sitesEvery: 0.5 })).toThrow(RangeError)
  expect(() => new LifecycleManager({ onReadinessOff: true as never })).toThrow(TypeError)
  expect(() => lifecycle.close({ deadlineMs: 10, preStopDelayMs: 10 })).toThrow(RangeError)
  expect(lifecycle.ready).toBe(true)
})
