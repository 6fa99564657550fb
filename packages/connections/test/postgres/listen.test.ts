import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import {
  postgres,
  type PostgresListener,
  type PostgresNotification,
  type PostgresOptions,
  type PostgresPool,
} from '../../src/postgres.ts'
import { listenTo } from '../messages.ts'

const server = await startPostgres()
const admin = postgres({ connectionString: server.url, name: 'admin' }).open()
afterEach(() => void vi.useRealTimers())
afterAll(async () => {
  await admin.close()
  await server.close()
})

const open = (options: PostgresOptions = {}): PostgresPool =>
  postgres({ connectionString: server.url, maxSize: 2, ...options }).open()

const throughProxy = (port: number, options: PostgresOptions = {}): PostgresPool => {
  const { host, user, password, database } = server
  return open({ connectionString: undefined, host, port, user, password, database, ...options })
}

const notify = async (channel: string, ...payloads: readonly string[]): Promise<void> => {
  for (const payload of payloads) await admin.query('select pg_notify($1, $2)', [channel, payload])
}

async function read(listener: PostgresListener, count: number): Promise<string[]> {
  const iterator = listener[Symbol.asyncIterator]()
  const payloads: string[] = []
  while (payloads.length < count) {
    const { value } = (await iterator.next()) as { value: PostgresNotification }
    payloads.push(value.payload)
  }
  return payloads
}

/** The server's processes that serve a pool. */
const backends = async (name: string): Promise<number[]> => {
  const { rows } = await admin.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1',
    [name],
  )
  return rows.map(({ pid }) => pid)
}

test('what is sent after listen resolved arrives in order, with its channel and its sender', async () => {
  await using db = open()
  await using jobs = await db.listen('jobs')
  const { rows } = await db.query<{ pid: number }>(`select pg_backend_pid() as pid, pg_notify('jobs', 'one')`)
  await notify('jobs', 'two', '')
  const iterator = jobs[Symbol.asyncIterator]()
  expect(await iterator.next()).toEqual({
    done: false,
    value: { channel: 'jobs', payload: 'one', processId: rows[0]!.pid },
  })
  expect(await read(jobs, 2)).toEqual(['two', ''])
  expect(jobs.channel).toBe('jobs')
})

test('all channels share one connection, which goes back to the pool after the last listener', async () => {
  await using db = open({ name: 'shared' })
  const [a, b, again] = await Promise.all([db.listen('a'), db.listen('b'), db.listen('a')])
  expect(db.stats()).toMatchObject({ inUse: 1 })
  await notify('a', '1')
  await notify('b', '2')
  expect(await Promise.all([read(a, 1), read(b, 1), read(again, 1)])).toEqual([['1'], ['2'], ['1']])
  await a[Symbol.asyncDispose]()
  await notify('a', '3')
  expect(await read(again, 1)).toEqual(['3'])
  await again[Symbol.asyncDispose]()
  await b[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(db.stats()).toMatchObject({ inUse: 0, idle: 1, created: 1 }))
  await using lease = await db.getConnection()
  expect((await lease.connection.query('select pg_listening_channels()')).rows).toEqual([])
})

test('a channel that nobody listens to any more is no longer listened to', async () => {
  await using db = open({ name: 'fewer' })
  using listening = listenTo('code:connections:query')
  await using kept = await db.listen('kept')
  const left = await db.listen('left')
  await left[Symbol.asyncDispose]()
  await notify('left', 'nobody')
  await notify('kept', 'somebody')
  expect(await read(kept, 1)).toEqual(['somebody'])
  // Listened to twice, and one of them given up: three statements on the one connection.
  expect(listening.messages.filter((message) => (message as { pool: string }).pool === 'fewer')).toHaveLength(
    3,
  )
})

test('a channel is named exactly, whatever is in its name', async () => {
  await using db = open()
  const names = ['UPPER', `it's "quoted"`, 'a; drop table x', 'grüße', 'x'.repeat(63)]
  for (const name of names) {
    await using listener = await db.listen(name)
    await notify(name, 'heard')
    expect(await read(listener, 1)).toEqual(['heard'])
  }
  await expect(db.listen('x'.repeat(64))).rejects.toThrow(RangeError)
  await expect(db.listen('ü'.repeat(32))).rejects.toThrow(RangeError)
  await expect(db.listen('')).rejects.toThrow(`channel must have from 1 to 63 bytes and no NUL, got ''`)
  await expect(db.listen('a\0b')).rejects.toThrow(RangeError)
  await expect(db.listen(undefined as never)).rejects.toThrow(TypeError)
  await expect(db.listen('a', { maxBuffered: 0 })).rejects.toThrow(RangeError)
  await expect(db.listen('a', { onReconnect: 1 as never })).rejects.toThrow(TypeError)
  expect(db.stats().inUse).toBe(0)
})

test('leaving the loop ends the listener', async () => {
  await using db = open()
  const listener = await db.listen('left_early')
  await notify('left_early', 'one', 'two')
  for await (const { payload } of listener) {
    expect(payload).toBe('one')
    break
  }
  expect(await listener[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  expect(db.stats().inUse).toBe(0)
})

test('a listener that does not keep up gets what fits and then an error; others go on', async () => {
  await using db = open()
  await using slow = await db.listen('many', { maxBuffered: 3 })
  await using fast = await db.listen('many')
  await notify('many', '1', '2', '3', '4', '5')
  expect(await read(fast, 5)).toEqual(['1', '2', '3', '4', '5'])
  expect(await read(slow, 3)).toEqual(['1', '2', '3'])
  const iterator = slow[Symbol.asyncIterator]()
  await expect(iterator.next()).rejects.toMatchObject({
    code: 'CONNECTIONS_BUFFER_FULL',
    message: `the listener to 'many' did not keep up: 3 notifications (maxBuffered) lay unread`,
  })
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
  await notify('many', '6')
  expect(await read(fast, 1)).toEqual(['6'])
})

test('an abort rejects with the reason of its signal, and gives the connection back', async () => {
  await using db = open()
  const controller = new AbortController()
  const listener = await db.listen('aborted', { signal: controller.signal })
  await notify('aborted', 'unread')
  const iterator = listener[Symbol.asyncIterator]()
  await iterator.next()
  const waiting = iterator.next()
  controller.abort('enough')
  await expect(waiting).rejects.toBe('enough')
  expect(await iterator.next()).toEqual({ done: true, value: undefined })
  await vi.waitFor(() => expect(db.stats().inUse).toBe(0))
  await expect(db.listen('aborted', { signal: controller.signal })).rejects.toBe('enough')
})

test('a lost connection is replaced, and every listener told that it missed something', async () => {
  await using db = open({ name: 'replaced' })
  const order: string[] = []
  await using a = await db.listen('a', { onReconnect: () => void order.push('a') })
  await using b = await db.listen('b', { onReconnect: () => void order.push('b') })
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'replaced'`,
  )
  await vi.waitFor(() => expect(order.toSorted()).toEqual(['a', 'b']))
  await notify('a', 'after')
  await notify('b', 'after')
  expect(await read(a, 1)).toEqual(['after'])
  expect(await read(b, 1)).toEqual(['after'])
  expect(db.stats()).toMatchObject({ inUse: 1, created: 2 })
})

test('what arrived before the loss can still be read, and a reader that waits goes on waiting', async () => {
  await using proxy = await startProxy(server)
  await using db = throughProxy(proxy.port, { name: 'waits' })
  const reconnected = Promise.withResolvers<void>()
  await using listener = await db.listen('waits', { onReconnect: () => reconnected.resolve() })
  await using other = await db.listen('waits')
  const waiting = read(other, 2)
  await notify('waits', 'before')
  await using probe = await db.listen('probe')
  await notify('probe', 'it is there')
  await read(probe, 1)
  proxy.reset()
  await reconnected.promise
  await notify('waits', 'after')
  expect(await read(listener, 2)).toEqual(['before', 'after'])
  expect(await waiting).toEqual(['before', 'after'])
})

test('it tries again for as long as the server is away, and ends without it when nobody listens any more', async () => {
  await using proxy = await startProxy(server)
  await using db = throughProxy(proxy.port)
  let reconnects = 0
  await using listener = await db.listen('patient', { onReconnect: () => void reconnects++ })
  using attempts = listenTo('code:connections:connect')
  await proxy.refuse()
  proxy.cut()
  await vi.waitFor(() => expect(attempts.messages.length).toBeGreaterThanOrEqual(3), 5000)
  expect(reconnects).toBe(0)
  await proxy.accept()
  await vi.waitFor(() => expect(reconnects).toBe(1), 5000)
  await notify('patient', 'back')
  expect(await read(listener, 1)).toEqual(['back'])

  await proxy.refuse()
  proxy.cut()
  await vi.waitFor(() => expect(db.stats().inUse).toBe(0))
  await listener[Symbol.asyncDispose]()
  await proxy.accept()
  expect((await db.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(reconnects).toBe(1)
})

test('a connection that has fallen silent is noticed and replaced', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await using proxy = await startProxy(server)
  await using db = throughProxy(proxy.port, { statementTimeoutMs: 100 })
  const reconnected = Promise.withResolvers<void>()
  await using listener = await db.listen('silent', { onReconnect: () => reconnected.resolve() })
  await vi.advanceTimersByTimeAsync(30_000)
  expect(db.stats().created).toBe(1)
  proxy.stall()
  await vi.advanceTimersByTimeAsync(30_000)
  await vi.waitFor(() => expect(db.stats().failures).toBe(1))
  proxy.resume()
  await reconnected.promise
  await notify('silent', 'heard')
  expect(await read(listener, 1)).toEqual(['heard'])
})

test('an onReconnect that throws ends its listener with that, and no other', async () => {
  await using db = open({ name: 'throwing' })
  const mistake = new Error('not now')
  await using broken = await db.listen('broken', {
    onReconnect: () => {
      throw mistake
    },
  })
  await using sound = await db.listen('broken')
  const waiting = broken[Symbol.asyncIterator]().next()
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'throwing'`,
  )
  await expect(waiting).rejects.toBe(mistake)
  await notify('broken', 'heard')
  expect(await read(sound, 1)).toEqual(['heard'])
})

test('listening where no connection can be had rejects, and leaves nothing behind', async () => {
  await using proxy = await startProxy(server)
  await proxy.refuse()
  await using db = throughProxy(proxy.port)
  await expect(db.listen('nowhere')).rejects.toMatchObject({ code: 'CONNECTIONS_REFUSED' })
  await using full = open({ maxSize: 1, acquireTimeoutMs: 50 })
  await using lease = await full.getConnection()
  await expect(full.listen('full')).rejects.toMatchObject({ code: 'CONNECTIONS_TIMEOUT' })
  await lease.connection.query('select 1')
  expect(full.stats()).toMatchObject({ inUse: 1, waiting: 0 })
  await using bouncer = open({ pgBouncer: true })
  await expect(bouncer.listen('bounced')).rejects.toThrow('listen does not go through PgBouncer')
})

test('closing the pool ends its listeners with what has arrived, and waits for none of them', async () => {
  const db = open({ name: 'ending' })
  const listener = await db.listen('ending')
  const idle = await db.listen('idle')
  const waiting = idle[Symbol.asyncIterator]().next()
  const probe = await db.listen('ending')
  await notify('ending', 'last')
  await read(probe, 1)
  expect(await db.close()).toMatchObject({ closed: true, holders: [] })
  expect(await waiting).toEqual({ done: true, value: undefined })
  const left: string[] = []
  for await (const { payload } of listener) left.push(payload)
  expect(left).toEqual(['last'])
  await expect(db.listen('late')).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await vi.waitFor(async () => expect(await backends('ending')).toEqual([]))
})

test('a pool closed while its listeners wait for the server to come back ends at once', async () => {
  await using proxy = await startProxy(server)
  const db = throughProxy(proxy.port)
  const listener = await db.listen('gone')
  using attempts = listenTo('code:connections:connect')
  await proxy.refuse()
  proxy.cut()
  await vi.waitFor(() => expect(attempts.messages.length).toBeGreaterThanOrEqual(1), 5000)
  const startedAt = performance.now()
  expect(await db.close()).toMatchObject({ closed: true })
  expect(performance.now() - startedAt).toBeLessThan(1100)
  expect(await listener[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
})

test('a connection that only listens is no leak', async () => {
  using leaks = listenTo('code:pool:leak')
  await using db = open({ name: 'lasting', leakAfterMs: 10 })
  await using listener = await db.listen('lasting')
  await using lease = await db.getConnection()
  await vi.waitFor(() => expect(leaks.messages).not.toEqual([]))
  // The lease's: what listens is older, and would have been reported by now.
  expect(leaks.messages).toHaveLength(1)
  await lease.connection.sql`select pg_notify('lasting', 'heard')`
  expect(await read(listener, 1)).toEqual(['heard'])
})
