import { getEventListeners } from 'node:events'
import { startProxy } from '@code/testkit'
import { postgres, type PostgresPool } from '../../../src/postgres.ts'

// A program, run by aftermath.test.ts: faults of all kinds, none of whose calls anybody looks after in time, and at
// the end, as JSON, what is left of them. It must end by itself.

const url = new URL(process.argv[2]!)
const unhandled: string[] = []
const warnings: string[] = []
process.on('unhandledRejection', (reason) => void unhandled.push(`rejection: ${String(reason)}`))
process.on('uncaughtException', (error) => void unhandled.push(`exception: ${String(error)}`))
process.on('warning', ({ message }) => void warnings.push(message))

const unspeakable = {
  toPostgres(): never {
    throw new Error('no text for this')
  },
}

const proxy = await startProxy({ port: Number(url.port) })
const behind = new URL(url)
behind.port = String(proxy.port)
const db = postgres({
  connectionString: behind.href,
  name: 'aftermath',
  maxSize: 4,
  connectTimeoutMs: 300,
  acquireTimeoutMs: 800,
  statementTimeoutMs: 400,
  maxResultBytes: 1_000_000,
}).open()
const admin = postgres({ connectionString: url.href, multiplex: false, maxSize: 1, name: 'admin' }).open()

/** Aborted at the end: whoever listened to it must not do so any more. */
const controller = new AbortController()
const { signal } = controller

await db.query('create table if not exists aftermath (n int)')
for (let i = 0; i < 5; i++) await db.query('select $1::int as i', [i], { signal })

const faults: readonly (() => unknown)[] = [
  () => proxy.cut(),
  () => proxy.reset(),
  () => proxy.inject('garbage, and more of it'),
  () =>
    admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'aftermath'`,
    ),
  () => proxy.cutAfter(777, 'toClient'),
  () => proxy.stall(),
  () => proxy.resume(),
  () => proxy.refuse().then(() => proxy.cut()),
  () => proxy.accept(),
]
for (const fault of faults) {
  const calls = Promise.allSettled(ask(db))
  await fault()
  await Promise.allSettled(ask(db))
  await calls
}
await db.close({ deadlineMs: 3_000 })

const last = postgres({ connectionString: behind.href, name: 'aftermath', maxSize: 2 }).open()
const waiting = Promise.allSettled(ask(last))
proxy.stall()
await last.close({ deadlineMs: 200 })
await waiting
await proxy.close()

const { rows } = await admin.query<{ connected: number }>(
  `select count(*)::int as connected from pg_stat_activity where application_name = 'aftermath' and state <> 'active'`,
)
await admin.close()
// What was closed at the last moment is told to the event loop in its next rounds.
await new Promise((resolve) => setTimeout(resolve, 100))
const resources = process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|FS)/.test(kind))
const listeners = getEventListeners(signal, 'abort').length
console.log(JSON.stringify({ unhandled, warnings, resources, listeners, ...rows[0]! }))

function ask(pool: PostgresPool): Promise<unknown>[] {
  return [
    ...Array.from({ length: 20 }, (_, i) => pool.query('select $1::int as i', [i], { signal })),
    pool.query('select pg_sleep(30)', undefined, { timeoutMs: 100 }),
    pool.query('select pg_sleep(30)', undefined, { signal: AbortSignal.timeout(50) }),
    pool.query('select pg_sleep(30) as by_the_pool'),
    pool.query('insert into aftermath values ($1)', [1]),
    pool.query('select nonsense'),
    pool.query('begin'),
    pool.query(`select set_config('search_path', 'pg_catalog', false)`),
    pool.query('select $1::text', [unspeakable]),
    pool.query(`select repeat('x', 2000000)`),
    pool.query('select 1; select 2'),
    pool.transaction(async (tx) => {
      void tx.query('select 1').catch(() => {})
      await tx.query('select 1 / 0')
    }),
    pool.getConnection({ signal }).then((lease) => lease[Symbol.asyncDispose]()),
  ]
}
