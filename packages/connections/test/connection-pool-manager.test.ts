import { startPostgres } from '@code/testkit'
import { afterAll, expect, expectTypeOf, test, vi } from 'vitest'
import { ConnectionPoolManager, type ConnectionLease, type Driver } from '../src/index.ts'
import { postgres, type PostgresPool, type PostgresSession } from '../src/postgres.ts'
import { blackHole } from './http/server.ts'

const server = await startPostgres()
afterAll(() => server.close())

const main = postgres({ connectionString: server.url })

test('each pool is known by its name and type', async () => {
  await using manager = new ConnectionPoolManager({ main }).configurePool('reports', main)
  expectTypeOf(manager.pool('main')).toEqualTypeOf<PostgresPool>()
  expect(manager.pool('reports').name).toBe('reports')
  expect((await manager.pool('main').query('select 1 as n')).rows).toEqual([{ n: 1 }])
  // @ts-expect-error nobody configured it
  expect(() => manager.pool('other')).toThrow(`there is no pool named 'other'; known: 'main', 'reports'`)
})

test('a name is given once, and only to a driver', async () => {
  await using manager = new ConnectionPoolManager({ main })
  expect(() => manager.configurePool('main', main)).toThrow(`there is a pool named 'main' already`)
  expect(() => manager.configurePool('bad', {} as Driver)).toThrow(TypeError)
})

test('a connection is lent for one holder and back when disposed of', async () => {
  await using manager = new ConnectionPoolManager({ main })
  {
    await using lease = await manager.getConnection('main')
    expectTypeOf(lease).toEqualTypeOf<ConnectionLease<PostgresSession>>()
    expect((await lease.connection.sql`select 1 as n`).rows).toEqual([{ n: 1 }])
    expect(manager.stats().main).toMatchObject({ inUse: 1 })
  }
  await vi.waitFor(() => expect(manager.stats().main).toMatchObject({ inUse: 0, idle: 1 }))
  const pid = await manager.withConnection('main', async (connection) => {
    const { rows } = await connection.query<{ pid: number }>('select pg_backend_pid() as pid')
    return rows[0]?.pid
  })
  expect(pid).toEqual(expect.any(Number))
  const failed = manager.withConnection('main', () => Promise.reject(new Error('no')))
  await expect(failed).rejects.toThrow('no')
  expect(manager.stats().main.inUse).toBe(0)
})

test('warm and health reach every pool; one that is ill is named', async () => {
  await using hole = await blackHole()
  await using manager = new ConnectionPoolManager({
    main: postgres({ connectionString: server.url, minSize: 2 }),
  })
  await manager.warm()
  expect(manager.stats().main.size).toBe(2)
  expect(await manager.health()).toMatchObject({ isHealthy: true, failures: [] })

  const both = manager.configurePool(
    'ill',
    postgres({ host: '127.0.0.1', port: hole.port, connectTimeoutMs: 100 }),
  )
  expect(await both.health(undefined, { timeoutMs: 200 })).toMatchObject({
    isHealthy: false,
    failures: [expect.stringMatching(/^ill: (connecting failed|no connection|not done)/)],
    checks: [
      { name: 'main', ok: true },
      { name: 'ill', ok: false, critical: true, error: expect.any(String), ms: expect.any(Number) },
    ],
  })
  const report = await both.health('main')
  expect([report, report.checks, report.checks[0], report.failures].every(Object.isFrozen)).toBe(true)
  expect(report).toMatchObject({ isHealthy: true, checks: [{ name: 'main' }] })
})

test('a service is healthy as long as nothing critical is ill', async () => {
  const connections = main.open('optional')
  const optional: Driver = {
    open: (name) => ({
      name,
      getConnection: () => connections.getConnection(),
      warm: () => connections.warm(),
      health: () => Promise.resolve({ name, ok: false, ms: 0, critical: false, error: 'asleep' }),
      stats: () => connections.stats(),
      close: () => connections.close(),
    }),
  }
  await using manager = new ConnectionPoolManager({ main, optional })
  expect(await manager.health()).toMatchObject({ isHealthy: true, failures: ['optional: asleep'] })
})

test('a close closes all at once, tells who held what, and ends', async () => {
  const manager = new ConnectionPoolManager({ a: main, b: main, c: main })
  const lease = await manager.getConnection('a')
  await manager.getConnection('b')
  const report = await manager.close({ deadlineMs: 50 })
  expect(report.closed).toBe(false)
  expect(report.ms).toBeLessThan(1050)
  expect(report.holders.map(({ label }) => label)).toEqual(['a', 'b'])
  await expect(manager.getConnection('c')).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  expect(() => manager.configurePool('d', main)).toThrow(
    expect.objectContaining({ code: 'CONNECTIONS_CLOSED' }),
  )
  await lease[Symbol.asyncDispose]()
  expect(await manager.close()).toBe(report)
})

test('a server that takes fewer connections than the pools may open is told by warm', async () => {
  const { url } = server
  const pool = postgres({ connectionString: url, maxSize: 60 })
  await using one = new ConnectionPoolManager({ one: pool })
  await one.warm()
  await using two = new ConnectionPoolManager({ one: pool, two: pool })
  await expect(two.warm()).rejects.toMatchObject({
    code: 'CONNECTIONS_TOO_MANY',
    message: 'the pools may open 120 connections (maxSize), but the server takes 97',
  })
  await using wide = postgres({ connectionString: url, maxSize: 98 }).open()
  await expect(wide.warm()).rejects.toMatchObject({ code: 'CONNECTIONS_TOO_MANY' })
})
