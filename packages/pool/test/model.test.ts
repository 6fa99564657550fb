import { expect, test } from 'vitest'
import { ObjectPool } from '../src/index.ts'

const maxSize = 5
const maxWaiting = 40

interface Wait {
  readonly order: number
  readonly priority: number
  readonly abort: AbortController
}

test('a million random steps lose nobody, serve nobody out of turn and lend no object twice', async () => {
  const seed = Number(process.env['CODE_SEED'] ?? Date.now() % 2 ** 31)
  console.info(`seed ${seed} (CODE_SEED)`)
  const random = randomFrom(seed)
  const later: (() => void)[] = []
  /** Settles now, or at some later step. */
  const sometime = <V>(settle: () => V): V | Promise<V> =>
    random(3) > 0 ? settle() : new Promise((resolve) => later.push(() => resolve(settle())))
  const fail = (oneIn: number, reason: string): void => {
    if (random(oneIn) === 0) throw new Error(reason)
  }

  const lent = new Set<object>()
  const ended = new Set<object>()
  const waiting: Wait[] = []
  const wrongs: unknown[] = []
  let asked = 0
  let settled = 0
  const take = (object: object): void => {
    if (lent.has(object)) throw new Error('lent twice')
    if (ended.has(object)) throw new Error('lent after its end')
    lent.add(object)
  }
  const pool = new ObjectPool<object>({
    maxSize,
    maxWaiting,
    maxUses: 50,
    maxCreating: 3,
    minSize: 2,
    preCreate: true,
    createBackoffMs: 1,
    maxLifetimeMs: 500,
    create: () => {
      fail(50, 'unlucky')
      return sometime(() => ({}))
    },
    validate: () => {
      fail(200, 'no answer')
      return random(40) !== 0
    },
    reset: () => {
      fail(100, 'dirty')
      return sometime(() => undefined)
    },
    destroy: (object) => {
      if (lent.has(object)) throw new Error('ended while lent')
      ended.add(object)
      fail(100, 'stuck')
      return sometime(() => undefined)
    },
  })
  const ask = (): void => {
    const wait = { order: asked++, priority: random(3), abort: new AbortController() }
    const { order, priority, abort } = wait
    const leave = (): void => {
      settled++
      waiting.splice(waiting.indexOf(wait), 1)
    }
    const served = (object: object): void => {
      leave()
      const overtaken = waiting.some(
        (other) => other.priority > priority || (other.priority === priority && other.order < order),
      )
      if (overtaken) wrongs.push(`caller ${order} was served out of turn`)
      take(object)
    }
    waiting.push(wait)
    const timeoutMs = random(20) === 0 ? 1 : 60_000
    pool
      .acquire({ priority, signal: abort.signal, timeoutMs })
      .then(served, leave)
      .catch((error: unknown) => wrongs.push(error))
  }
  for (let step = 0; step < 1_000_000 && wrongs.length === 0; step++) {
    const [any] = lent
    const kind = random(100)
    if (kind < 25) {
      const object = pool.tryAcquire()
      if (object !== undefined) {
        if (waiting.length > 0) throw new Error('somebody was overtaken')
        take(object)
      }
    } else if (kind < 45) {
      if (waiting.length < maxWaiting) ask()
    } else if (kind < 47) {
      waiting[random(Math.max(1, waiting.length))]?.abort.abort(new Error('gone'))
    } else if (kind < 55) {
      later.splice(random(Math.max(1, later.length)), 1)[0]?.()
    } else if (kind === 55) {
      if (random(100) === 0) pool.clear()
      if (random(100) === 0) pool.resize({ maxSize: 3 + random(3) })
    } else if (any !== undefined) {
      lent.delete(any)
      if (kind < 58) pool.destroy(any)
      else pool.release(any)
    }
    const { size, inUse, idle, creating } = pool.stats()
    if (inUse !== lent.size && waiting.length === 0) throw new Error(`${inUse} lent at step ${step}`)
    if (inUse + idle > size || size + creating > maxSize) throw new Error(`too many at step ${step}`)
    // All that was settled is heard of before the next step.
    for (let turn = 0; turn < 4; turn++) await Promise.resolve()
    if (step % 2000 === 0) await new Promise(setImmediate)
  }
  expect(wrongs).toEqual([])

  const drain = pool.close({ deadlineMs: 10_000 })
  while (waiting.length > 0 || lent.size > 0) {
    for (const object of lent) {
      lent.delete(object)
      pool.release(object)
    }
    later.shift()?.()
    await new Promise(setImmediate)
  }
  const hooks = setInterval(() => later.splice(0).forEach((settle) => settle()), 1)
  expect(await drain).toMatchObject({ closed: true, holders: [] })
  clearInterval(hooks)
  expect(wrongs).toEqual([])
  expect(settled).toBe(asked)
}, 120_000)

/** A linear congruential generator (Knuth, The Art of Computer Programming 2, 3.3.4). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
