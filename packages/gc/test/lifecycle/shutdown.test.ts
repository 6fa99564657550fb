import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { GcError, LifecycleManager } from '../../src/index.ts'

const never = (): Promise<void> => new Promise(() => {})

test('a step that throws is reported, and the others are closed all the same', async () => {
  const lifecycle = new LifecycleManager()
  const error = new Error('disk full')
  const ended: string[] = []
  lifecycle.add(() => void ended.push('first'), { name: 'first' })
  lifecycle.add(() => Promise.reject(error), { name: 'rejects' })
  lifecycle.add(
    () => {
      throw error
    },
    { name: 'throws' },
  )
  const report = await lifecycle.close()
  const ms = expect.any(Number)
  expect(report).toEqual({
    closed: false,
    ms,
    holders: [],
    steps: [
      { name: 'throws', ms, ok: false, error },
      { name: 'rejects', ms, ok: false, error },
      { name: 'first', ms, ok: true },
    ],
  })
  expect(ended).toEqual(['first'])
  expect(Object.isFrozen(report) && Object.isFrozen(report.steps[0])).toBe(true)
})

test('a step that hangs is passed over at its own deadline and named as a holder', async () => {
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 60_000 })
  lifecycle.add(() => {}, { name: 'last' })
  lifecycle.add(never, { name: 'stuck', deadlineMs: 20 })
  const { closed, steps, holders } = await lifecycle.close({ deadlineMs: 60_000 })
  expect(closed).toBe(false)
  expect(steps).toMatchObject([
    { name: 'stuck', ok: false, timedOut: true, error: expect.any(GcError) },
    { name: 'last', ok: true },
  ])
  expect((steps[0]!.error as GcError).code).toBe('GC_DEADLINE')
  expect(holders).toEqual([{ heldMs: expect.any(Number), label: 'stuck' }])
})

test('a failure after the deadline is dropped', async () => {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  const { promise, reject } = Promise.withResolvers<void>()
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 10 })
  lifecycle.add(() => promise)
  expect(await lifecycle.close()).toMatchObject({ closed: false })
  reject(new Error('late'))
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', listener)
  expect(unhandled).toEqual([])
})

test('at the whole deadline what is left is begun nevertheless, and what can end at once does', async () => {
  const lifecycle = new LifecycleManager()
  const begun: string[] = []
  const begin = (name: string, work: () => unknown) => () => {
    begun.push(name)
    return work()
  }
  lifecycle.add(
    begin('telemetry', async () => {}),
    { name: 'telemetry' },
  )
  lifecycle.add(begin('pool', never), { name: 'pool' })
  lifecycle.add(
    begin('file', () => {}),
    { name: 'file' },
  )
  lifecycle.add(never, { name: 'stuck' })
  const { steps } = await lifecycle.close({ deadlineMs: 20 })
  expect(begun).toEqual(['file', 'pool', 'telemetry'])
  expect(steps).toMatchObject([
    { name: 'stuck', timedOut: true },
    { name: 'file', ok: true },
    { name: 'pool', timedOut: true },
    { name: 'telemetry', ok: true },
  ])
})

test('what a resource says it still holds is in the report', async () => {
  const lifecycle = new LifecycleManager()
  const holders = [
    { heldMs: 12, site: 'app.ts:7' },
    { heldMs: 3, label: 'GET /slow' },
  ]
  lifecycle.add(
    { close: async ({ deadlineMs = 1 } = {}) => ({ closed: deadlineMs < 0, ms: 1, holders }) },
    { name: 'pool' },
  )
  const report = await lifecycle.close()
  expect(report.holders).toEqual([
    { heldMs: 12, site: 'app.ts:7', label: 'pool' },
    { heldMs: 3, label: 'pool: GET /slow' },
  ])
  expect(report.steps).toMatchObject([{ ok: false, timedOut: true, error: { code: 'GC_DEADLINE' } }])
  expect(report.steps[0]!.error).toMatchObject({ message: expect.stringContaining('GET /slow') })
})

test('only a close report says that something is held', async () => {
  const lifecycle = new LifecycleManager()
  const stream = new PassThrough()
  lifecycle.add(stream, { name: 'stream', close: (stream) => stream.end() })
  expect(await lifecycle.close()).toMatchObject({ closed: true })
  expect(stream.writableEnded).toBe(true)
})

test('a report that cannot be read fails its step, and a close never rejects', async () => {
  const lifecycle = new LifecycleManager()
  const unreadable = {
    get closed(): boolean {
      throw new Error('no')
    },
  }
  lifecycle.add(() => unreadable, { name: 'unreadable' })
  lifecycle.add(() => ({ closed: false, holders: [null] }), { name: 'null' })
  expect((await lifecycle.close()).steps).toMatchObject([
    { name: 'null', ok: false, timedOut: true },
    { name: 'unreadable', ok: false, error: { message: 'no' } },
  ])
})

test('what is added during the shutdown is closed too, each by its phase', async () => {
  const ended: string[] = []
  const lifecycle = new LifecycleManager()
  lifecycle.add(() => void ended.push('pool'))
  lifecycle.add(
    () => {
      ended.push('server')
      lifecycle.add(() => void ended.push('telemetry'), { phase: 'telemetry' })
      lifecycle.add(() => void ended.push('work'), { phase: 'work' })
    },
    { phase: 'servers' },
  )
  await lifecycle.close()
  expect(ended).toEqual(['server', 'work', 'pool', 'telemetry'])
})

test('a clean-up that always adds another ends', async () => {
  const lifecycle = new LifecycleManager()
  const again = (): void => void lifecycle.add(() => again())
  again()
  const { closed, steps } = await lifecycle.close()
  expect(closed).toBe(false)
  expect(steps).toHaveLength(1001)
  expect(steps.at(-1)).toMatchObject({ ok: false, error: { code: 'GC_CLOSED' } })
})

test('what comes after the shutdown is refused', async () => {
  const lifecycle = new LifecycleManager()
  await lifecycle.close()
  expect(() => lifecycle.add(() => {})).toThrow(expect.objectContaining({ code: 'GC_CLOSED' }))
  expect(() => lifecycle.installSignalHandlers()).toThrow(expect.objectContaining({ code: 'GC_CLOSED' }))
})

test('closing twice closes once, and disposing closes', async () => {
  let times = 0
  const lifecycle = new LifecycleManager()
  lifecycle.add(() => void times++)
  const first = lifecycle.close()
  expect(lifecycle.close()).toBe(first)
  await lifecycle[Symbol.asyncDispose]()
  expect(await lifecycle.close()).toBe(await first)
  expect(times).toBe(1)
})

test('a second close brings the deadline forward', async () => {
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 60_000 })
  lifecycle.add(never)
  const first = lifecycle.close({ deadlineMs: 60_000 })
  void lifecycle.close({ deadlineMs: 10 })
  expect(await first).toMatchObject({ closed: false, steps: [{ timedOut: true }] })
})

test('a second close without a deadline, or with a later one, leaves that of the first', async () => {
  vi.useFakeTimers()
  try {
    const lifecycle = new LifecycleManager({ stepDeadlineMs: 20_000 })
    lifecycle.add(never)
    lifecycle.add(() => never())
    const first = lifecycle.close({ deadlineMs: 30_000 })
    void lifecycle.close()
    void lifecycle.close({ deadlineMs: 90_000 })
    await vi.advanceTimersByTimeAsync(31_000)
    expect((await first).ms).toBeGreaterThan(29_000)
  } finally {
    vi.useRealTimers()
  }
})

test('a shutdown that has ended keeps no process alive', async () => {
  vi.useFakeTimers()
  try {
    const lifecycle = new LifecycleManager()
    lifecycle.add(() => {})
    await lifecycle.close({ deadlineMs: 60_000 })
    void lifecycle.close({ deadlineMs: 30_000 })
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('a clean-up that waits for the whole shutdown is passed over', async () => {
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 10 })
  lifecycle.add(() => lifecycle.close())
  expect(await lifecycle.close()).toMatchObject({ closed: false, steps: [{ timedOut: true }] })
})

test('readiness goes off first, then the delay passes, then the closing begins', async () => {
  const events: string[] = []
  const lifecycle = new LifecycleManager({
    onReadinessOff: async (...none: unknown[]) =>
      void events.push(`ready: ${lifecycle.ready}`, ...none.map(String)),
  })
  lifecycle.add(() => void events.push('closed'))
  expect(lifecycle.ready).toBe(true)
  const closing = lifecycle.close({ preStopDelayMs: 20 })
  expect(events).toEqual(['ready: false'])
  const { steps } = await closing
  expect(events).toEqual(['ready: false', 'closed'])
  expect(steps.map(({ name, ok }) => [name, ok])).toEqual([
    ['readiness off', true],
    ['pre-stop delay', true],
    ['resource', true],
  ])
  expect(steps[1]!.ms).toBeGreaterThan(15)
})

test('an onReadinessOff that throws keeps nothing from closing', async () => {
  const lifecycle = new LifecycleManager({
    onReadinessOff: () => {
      throw new Error('no')
    },
  })
  lifecycle.add(() => {}, { name: 'pool' })
  expect((await lifecycle.close()).steps).toMatchObject([
    { name: 'readiness off', ok: false },
    { name: 'pool', ok: true },
  ])
})

test('each step is told on its channel, and the figures stand among the instruments', async () => {
  const seen: unknown[] = []
  const listener = (message: unknown): void => void seen.push(message)
  subscribe('code:gc:shutdown', listener)
  const instruments = Reflect.get(globalThis, Symbol.for('code.instruments')) as Map<string, LifecycleManager>
  const lifecycle = new LifecycleManager({ name: 'told' })
  lifecycle.add(() => {}, { name: 'well' })
  lifecycle.add(() => Promise.reject(new Error('no')), { name: 'ill' })
  expect(instruments.get('lifecycle:told')?.stats()).toEqual({
    resources: 2,
    managed: 0,
    leaks: 0,
    ready: true,
  })
  await lifecycle.close()
  unsubscribe('code:gc:shutdown', listener)
  expect(seen).toEqual([
    { step: 'ill', ms: expect.any(Number), ok: false },
    { step: 'well', ms: expect.any(Number), ok: true },
  ])
  expect(instruments.has('lifecycle:told')).toBe(false)
  expect(lifecycle.stats()).toEqual({ resources: 0, managed: 0, leaks: 0, ready: false })
})

test('the names of resources are theirs, or those of their classes, made unique', async () => {
  class Cache {
    close(): void {}
  }
  const lifecycle = new LifecycleManager()
  lifecycle.add({ name: 'experts', close: () => {} })
  lifecycle.add(new Cache())
  lifecycle.add(new Cache())
  lifecycle.add(function flush() {})
  const { steps } = await lifecycle.close()
  expect(steps.map(({ name }) => name)).toEqual(['flush', 'Cache#2', 'Cache', 'experts'])
})
