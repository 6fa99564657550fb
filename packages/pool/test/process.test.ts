import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ObjectPool } from '../src/index.ts'

// How a pool and its process live together: in real time, or in a process of its own.

const run = async (program: string): Promise<{ code: number; stdout: string }> => {
  const source = `import { ObjectPool } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}\n`
  const args = ['--input-type=module', '-e', source + program]
  const { code, stdout } = await promisify(execFile)(process.execPath, args).then(
    (done) => ({ code: 0, ...done }),
    (error: { code: number; stdout: string }) => error,
  )
  return { code, stdout: stdout.trim() }
}

test('a process ends at once beside a pool that nobody waits for', async () => {
  const began = performance.now()
  const { code } = await run(`
    const options = { idleTimeoutMs: 60_000, maxLifetimeMs: 60_000, leakAfterMs: 60_000, preCreate: true }
    const pool = new ObjectPool({ create: () => ({}), minSize: 1, maxSize: 2, ...options })
    await pool.acquire()
    new ObjectPool({ create: () => new Promise(() => {}), minSize: 1, maxSize: 1, preCreate: true })
    await pool.acquire({ timeoutMs: 1 }).catch(() => {})`)
  expect(code).toBe(0)
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('a process stays for whoever waits: for a warm-up in a pause, an object, the end of a close', async () => {
  const { code, stdout } = await run(`
    let failures = 1
    const create = () => { if (failures-- > 0) throw new Error('not yet'); return {} }
    const pool = new ObjectPool({ create, maxSize: 1, createBackoffMs: 100 })
    await pool.warm(1).catch(() => console.log('failed'))
    await pool.warm(1)
    console.log('warm')
    await pool.acquire()
    await pool.acquire({ timeoutMs: 50 }).catch(({ code }) => console.log(code))
    console.log((await pool.close({ deadlineMs: 50 })).closed)`)
  expect(stdout.split('\n')).toEqual(['failed', 'warm', 'POOL_TIMEOUT', 'false'])
  expect(code).toBe(0)
})

test('what a handler of leaks throws is an uncaught exception, and ends no sweep', async () => {
  const { stdout } = await run(`
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    const onLeak = () => { throw new Error('handler') }
    const pool = new ObjectPool({ create: () => ({}), maxSize: 2, leakAfterMs: 1, onLeak })
    await pool.acquire()
    await pool.acquire()
    await pool.acquire({ timeoutMs: 300 }).catch(() => console.log(pool.stats().leaks))`)
  expect(stdout.split('\n')).toEqual(['uncaught handler', 'uncaught handler', '2'])
})

test('a pool of strange stacks still tells of timeouts', async () => {
  const { stdout } = await run(`
    Error.prepareStackTrace = (_, frames) => frames
    const pool = new ObjectPool({ create: () => ({}), maxSize: 1 })
    await pool.acquire()
    await pool.acquire({ timeoutMs: 1 }).catch(({ code }) => console.log(code))`)
  expect(stdout).toBe('POOL_TIMEOUT')
})

test('the time that the event loop was blocked counts neither as held nor as idle, but as a reason to validate', async () => {
  const events: string[] = []
  const pool = new ObjectPool({
    create: () => ({}),
    maxSize: 2,
    idleTimeoutMs: 600,
    leakAfterMs: 600,
    validateAfterIdleMs: 600,
    validate: () => events.push('validated') > 0,
    destroy: (_, reason) => events.push(reason),
    onLeak: () => events.push('leak'),
  })
  await pool.warm(2)
  await new Promise(setImmediate)
  for (const until = performance.now() + 700; performance.now() < until;);
  const object = pool.tryAcquire()!
  pool.tryAcquire()
  pool.release(object)
  expect(events).toEqual(['validated', 'validated'])

  // Until a pool that is four times as quick has looked twice.
  const gone = Promise.withResolvers<unknown>()
  const quick = new ObjectPool({ create: () => ({}), maxSize: 1, idleTimeoutMs: 100, destroy: gone.resolve })
  await quick.warm(1)
  await gone.promise
  expect(events).toEqual(['validated', 'validated'])
})
