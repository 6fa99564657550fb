import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { getHealthMonitor, HealthMonitor, type HealthReport } from '../src/index.ts'

test('without checks a service is healthy', async () => {
  expect(await new HealthMonitor().checkAll()).toEqual({ isHealthy: true, checks: [], failures: [] })
})

test('every way to pass and to fail is reported, in the order of registration', async () => {
  const health = new HealthMonitor()
  const unprintable = {
    get [inspect.custom](): never {
      throw new Error('no')
    },
  }
  health.register('returns', () => 'anything')
  health.register('resolves', () => Promise.resolve())
  health.register('reports health', () => ({ isHealthy: true }))
  health.register('throws at once', () => {
    throw new Error('broken')
  })
  health.register('rejects', () => Promise.reject(new TypeError()))
  health.register('rejects a string', () => Promise.reject('no words'))
  health.register('rejects nothing', () => Promise.reject())
  health.register('rejects the unprintable', () => Promise.reject(unprintable))
  health.register('is false', async () => false)
  health.register('reports failures', () => ({ isHealthy: false, failures: ['a: down', 'b: slow'] }))
  health.register('reports illness', () => ({ isHealthy: false }))
  health.register('is a healthy pool', () => ({ name: 'pg', ok: true, ms: 1, critical: true }))
  health.register('is a pool that is down', async () => ({ name: 'pg', ok: false, error: 'ECONNREFUSED' }))
  health.register('is not ok', () => ({ ok: false }))
  const report = await health.checkAll()
  expect(report.isHealthy).toBe(false)
  expect(report.failures).toEqual([
    'throws at once: broken',
    'rejects: TypeError',
    "rejects a string: 'no words'",
    'rejects nothing: undefined',
    'rejects the unprintable: threw something unprintable',
    'is false: returned false',
    'reports failures: a: down; b: slow',
    'reports illness: unhealthy',
    'is a pool that is down: ECONNREFUSED',
    'is not ok: unhealthy',
  ])
  expect(report.checks.map(({ name, ok }) => `${name} ${ok}`).slice(0, 4)).toEqual([
    'returns true',
    'resolves true',
    'reports health true',
    'throws at once false',
  ])
  expect(report.checks[3]).toEqual({
    name: 'throws at once',
    ok: false,
    ms: expect.any(Number),
    critical: true,
    error: 'broken',
  })
  expect(report.checks[0]).not.toHaveProperty('error')
})

test('a check that hangs is reported after its time, and its signal is aborted', async () => {
  const health = new HealthMonitor()
  let signal: AbortSignal | undefined
  health.register(
    'hangs',
    (given) => {
      signal = given
      return new Promise(() => {})
    },
    { timeoutMs: 20 },
  )
  health.register('fine', () => {})
  const { isHealthy, failures, checks } = await health.checkAll()
  expect([isHealthy, failures]).toEqual([false, ['hangs: no answer within 20 ms']])
  expect(checks[0]!.ms).toBeGreaterThan(15)
  expect(signal?.reason).toMatchObject({ name: 'TimeoutError' })
})

test('a check that hung once is asked again', async () => {
  const health = new HealthMonitor()
  let calls = 0
  health.register('lost', () => (calls++ === 0 ? new Promise(() => {}) : true), { timeoutMs: 10 })
  expect((await health.checkAll()).isHealthy).toBe(false)
  expect((await health.checkAll()).isHealthy).toBe(true)
})

test('a failure after the time is over disturbs nobody', async () => {
  const health = new HealthMonitor()
  const { promise, reject } = Promise.withResolvers<void>()
  health.register('late', () => promise, { timeoutMs: 10 })
  await health.checkAll()
  reject(new Error('late'))
  expect((await health.checkAll()).failures).toEqual(['late: late'])
})

test('checks run side by side', async () => {
  const health = new HealthMonitor()
  const all = Promise.withResolvers<void>()
  let running = 0
  for (const name of ['a', 'b', 'c']) {
    health.register(name, () => {
      if (++running === 3) all.resolve()
      return all.promise
    })
  }
  expect((await health.checkAll()).isHealthy).toBe(true)
})

test('a check that is not critical is named but does no harm', async () => {
  const health = new HealthMonitor()
  health.register('nice to have', () => false, { critical: false })
  expect(await health.checkAll()).toMatchObject({
    isHealthy: true,
    checks: [{ ok: false, critical: false }],
    failures: ['nice to have: returned false'],
  })
})

test('callers that come at the same time share one run', async () => {
  const health = new HealthMonitor()
  let runs = 0
  health.register('counted', async () => {
    runs++
  })
  await Promise.all([health.checkAll(), health.checkAll()])
  expect(runs).toBe(1)
  await health.checkAll()
  expect(runs).toBe(2)
})

test('a result is given again within cacheMs', async () => {
  const health = new HealthMonitor()
  let runs = 0
  health.register('cached', () => ++runs > 1, { cacheMs: 60_000 })
  const first = await health.checkAll()
  const second = await health.checkAll()
  expect(runs).toBe(1)
  expect(second.checks).toEqual(first.checks)
})

test('an aborted caller stops waiting and gets its own reason, the others get their report', async () => {
  const health = new HealthMonitor()
  const { promise, resolve } = Promise.withResolvers<void>()
  health.register('slow', () => promise)
  const controller = new AbortController()
  const impatient = health.checkAll({ signal: controller.signal })
  const patient = health.checkAll()
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(impatient).rejects.toBe(reason)
  await expect(health.checkAll({ signal: controller.signal })).rejects.toBe(reason)
  resolve()
  expect((await patient).isHealthy).toBe(true)
})

test('a check is gone once unregistered, and its name free', async () => {
  const health = new HealthMonitor()
  const unregister = health.register('a', () => false)
  unregister()
  expect((await health.checkAll()).checks).toEqual([])
  health.register('a', () => true)
  unregister()
  expect((await health.checkAll()).checks).toHaveLength(1)
})

test('a report is published to whoever listens', async () => {
  const health = new HealthMonitor()
  health.register('a', () => true)
  const messages: unknown[] = []
  const listen = (message: unknown): unknown => messages.push(message)
  subscribe('code:monitoring:health', listen)
  const report: HealthReport = await health.checkAll()
  unsubscribe('code:monitoring:health', listen)
  await health.checkAll()
  expect(messages).toEqual([report])
})

test('wrong registrations are refused', () => {
  const health = new HealthMonitor()
  health.register('taken', check)
  expect(() => health.register('taken', check)).toThrow(
    new TypeError('there is a health check taken already'),
  )
  expect(() => health.register('', check)).toThrow(new TypeError("name must be a non-empty string, got ''"))
  expect(() => health.register('a', 1 as never)).toThrow(new TypeError('check must be a function, got 1'))
  expect(() => health.register('a', check, { timeoutMs: 0 })).toThrow(
    new RangeError('timeoutMs must be milliseconds from 1 to 2147483647, got 0'),
  )
  expect(() => health.register('a', check, { cacheMs: '5' as never })).toThrow(
    new RangeError("cacheMs must be milliseconds from 0 to 2147483647, got '5'"),
  )
})

test('a process has one health monitor of its own', () => {
  expect(getHealthMonitor()).toBe(getHealthMonitor())
})

function check(): void {}
