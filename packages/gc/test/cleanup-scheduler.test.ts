import { expect, test } from 'vitest'
import { CleanupScheduler, deferGc, type CleanupOptions } from '../src/index.ts'
import { runNode } from './run-node.ts'

const soon = { everyMs: 1, idleOnly: false }

test('a job runs again and again while the event loop is idle', async () => {
  await using scheduler = new CleanupScheduler()
  const runs = counter(3)
  scheduler.add('job', runs.count, { everyMs: 5 })
  await runs.reached
  expect(scheduler.stats()).toMatchObject({ jobs: 1, failed: 0 })
})

test('a job that is for idle moments waits while the event loop is busy', async () => {
  await using scheduler = new CleanupScheduler()
  const others = counter(5)
  const own = counter(1)
  scheduler.add('other', others.count, soon)
  scheduler.add('own', own.count, { everyMs: 5, maxDelayMs: 60_000 })
  await busyUntil(others.reached)
  expect(own.runs).toBe(0)
  expect(scheduler.stats().late).toBe(0)
  await own.reached
})

test('it runs late rather than never', async () => {
  await using scheduler = new CleanupScheduler()
  const runs = counter(1)
  scheduler.add('job', runs.count, { everyMs: 5, maxDelayMs: 20 })
  await busyUntil(runs.reached)
  expect(scheduler.stats().late).toBe(1)
})

test('sections without end put a job off no longer than busy moments do', async () => {
  await using scheduler = new CleanupScheduler()
  const runs = counter(1)
  const section = Promise.withResolvers<void>()
  const ended = deferGc(() => section.promise)
  scheduler.add('job', runs.count, { everyMs: 5, maxDelayMs: 20 })
  await runs.reached
  expect(scheduler.stats().late).toBeGreaterThan(0)
  section.resolve()
  await ended
})

test('a job that fails runs again, is told of, and harms no other', async () => {
  const told: unknown[] = []
  await using scheduler = new CleanupScheduler({
    onFailure: (job, reason) => {
      told.push([job, reason])
      throw new Error('from the listener')
    },
  })
  const good = counter(3)
  const throwing = counter(3)
  const rejecting = counter(3)
  const no = new Error('no')
  scheduler.add('good', good.count, soon)
  scheduler.add(
    'throwing',
    () => {
      throwing.count()
      throw no
    },
    soon,
  )
  scheduler.add('rejecting', () => (rejecting.count(), Promise.reject(no)), soon)
  await Promise.all([good.reached, throwing.reached, rejecting.reached])
  expect(told).toContainEqual(['throwing', no])
  expect(told).toContainEqual(['rejecting', no])
  expect(scheduler.stats().failed).toBe(told.length)
})

test('a job never overlaps itself, however long it takes', async () => {
  await using scheduler = new CleanupScheduler()
  const others = counter(5)
  let atOnce = 0
  let most = 0
  scheduler.add(
    'slow',
    async () => {
      most = Math.max(most, ++atOnce)
      await others.reached
      atOnce--
    },
    soon,
  )
  scheduler.add('other', others.count, soon)
  await others.reached
  expect(most).toBe(1)
})

test('close begins no more runs and waits for those under way, also of jobs taken out', async () => {
  const scheduler = new CleanupScheduler()
  const begun = counter(1)
  const [end, endOfRemoved] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  scheduler.add('job', () => (begun.count(), end.promise), soon)
  scheduler.add('removed', () => endOfRemoved.promise, soon)
  await expect.poll(() => scheduler.stats().running).toBe(2)
  expect(scheduler.remove('removed')).toBe(true)
  const closing = scheduler.close()
  expect(scheduler.close()).toBe(closing)
  end.resolve()
  expect(await Promise.race([closing, others()])).toBe('open')
  endOfRemoved.resolve()
  expect(await closing).toMatchObject({ closed: true, holders: [] })
  expect(await others()).toBe('open')
  expect(begun.runs).toBe(1)
  expect(scheduler.stats()).toMatchObject({ jobs: 0, running: 0, completed: 2 })
})

test('close ends at its deadline, names who still runs and aborts their signal', async () => {
  const scheduler = new CleanupScheduler()
  const given = Promise.withResolvers<AbortSignal>()
  scheduler.add('stuck', (signal) => (given.resolve(signal), new Promise(() => {})), soon)
  const signal = await given.promise
  expect(await scheduler.close({ deadlineMs: 10 })).toMatchObject({
    closed: false,
    holders: [{ label: 'stuck', heldMs: expect.any(Number) }],
  })
  expect(signal.reason).toMatchObject({ code: 'GC_CLOSED' })
})

test('a removed job runs no more', async () => {
  await using scheduler = new CleanupScheduler()
  const others = counter(5)
  const removed = counter(1)
  scheduler.add('removed', removed.count, soon)
  expect(scheduler.remove('removed')).toBe(true)
  expect(scheduler.remove('removed')).toBe(false)
  scheduler.add('other', others.count, soon)
  await others.reached
  expect(removed.runs).toBe(0)
})

test('neither jobs nor a close that is over keep a process alive', async () => {
  const url = JSON.stringify(new URL('../src/cleanup-scheduler.ts', import.meta.url))
  const program = `
    const { CleanupScheduler } = await import(${url})
    new CleanupScheduler().add('job', () => {}, { everyMs: 5 })
    await new CleanupScheduler().close({ deadlineMs: 60_000 })
    console.log(1)`
  expect(await runNode(['--input-type=module', '-e', program])).toBe(1)
})

test('a closed scheduler takes no jobs and is no instrument any more', async () => {
  const scheduler = new CleanupScheduler({ name: 'of-a-test' })
  const instruments = (globalThis as { [key: symbol]: unknown })[Symbol.for('code.instruments')] as Map<
    string,
    { stats(): unknown }
  >
  expect(instruments.get('cleanup:of-a-test')?.stats()).toEqual(scheduler.stats())
  await scheduler.close()
  expect(instruments.has('cleanup:of-a-test')).toBe(false)
  expect(() => scheduler.add('job', () => {}, soon)).toThrow(
    expect.objectContaining({ code: 'GC_CLOSED', message: 'of-a-test is closed' }),
  )
})

test.each<[string, unknown, CleanupOptions, string]>([
  ['new', 7, soon, 'work must be a function, got number'],
  ['new', () => {}, { everyMs: 0 }, 'everyMs must be milliseconds from 1 to 2147483647, got 0'],
  [
    'new',
    () => {},
    { everyMs: 1, maxDelayMs: Infinity },
    'maxDelayMs must be milliseconds from 1 to 2147483647, got Infinity',
  ],
  ['taken', () => {}, soon, "name must be new to s, got 'taken' again"],
])('add(%o, %o, %o) is refused', async (name, work, options, message) => {
  await using scheduler = new CleanupScheduler({ name: 's' })
  scheduler.add('taken', () => {}, { everyMs: 60_000 })
  expect(() => scheduler.add(name, work as () => void, options)).toThrow(message)
})

test('names and switches are refused when they are something else', async () => {
  const given = { name: 5 as never }
  expect(() => new CleanupScheduler(given)).toThrow('name must be a string that is not empty, got number')
  await using scheduler = new CleanupScheduler()
  const add = (name: unknown, options?: object) => () =>
    scheduler.add(name as string, () => {}, options as CleanupOptions)
  expect(add('')).toThrow("name must be a string that is not empty, got ''")
  expect(add('job')).toThrow('everyMs must be milliseconds from 1 to 2147483647, got undefined')
  expect(add('job', { everyMs: 5, idleOnly: 'no' })).toThrow('idleOnly must be a boolean, got no')
  expect(scheduler.stats().jobs).toBe(0)
})

/** Counts runs, and resolves at that many. */
function counter(wanted: number): {
  runs: number
  readonly count: () => void
  readonly reached: Promise<void>
} {
  const { promise, resolve } = Promise.withResolvers<void>()
  const counted = {
    runs: 0,
    count: (): void => {
      if (++counted.runs >= wanted) resolve()
    },
    reached: promise,
  }
  return counted
}

/** Long enough for a job to run five times. */
async function others(): Promise<'open'> {
  await using scheduler = new CleanupScheduler()
  const runs = counter(5)
  scheduler.add('other', runs.count, soon)
  await runs.reached
  return 'open'
}

/** Leaves the event loop no idle moment until then. */
async function busyUntil(end: Promise<void>): Promise<void> {
  const spin = (): void => {
    const until = performance.now() + 2
    while (performance.now() < until);
    next = setImmediate(spin)
  }
  let next = setImmediate(spin)
  await end
  clearImmediate(next)
}
