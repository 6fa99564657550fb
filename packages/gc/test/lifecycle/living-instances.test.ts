import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('what is alive at shutdown is cleaned up, the youngest first, after the servers and before the pools', async () => {
  const ended: string[] = []
  class Client {
    readonly #name: string
    constructor(name: string) {
      this.#name = name
    }
    async [Symbol.asyncDispose](): Promise<void> {
      ended.push(this.#name)
    }
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  const clients = [new Managed('a'), new Managed('b')]
  lifecycle.add(() => void ended.push('pool'))
  lifecycle.add(() => void ended.push('server'), { phase: 'servers' })
  const { steps } = await lifecycle.close()
  expect(ended).toEqual(['server', 'b', 'a', 'pool'])
  expect(steps.map(({ name }) => name)).toEqual(['resource#2', 'Client instances', 'resource'])
  expect(lifecycle.leaked()).toEqual([])
  expect(clients).toHaveLength(2)
})

test('what was cleaned up by its owner is not cleaned up again', async () => {
  let times = 0
  class Client {
    [Symbol.dispose](): void {
      times++
    }
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  {
    using client = new Managed()
    expect(client).toBeInstanceOf(Client)
    expect(lifecycle.stats()).toMatchObject({ managed: 1, resources: 1 })
  }
  expect(lifecycle.stats()).toMatchObject({ managed: 0, resources: 0 })
  expect(await lifecycle.close()).toMatchObject({ steps: [] })
  expect(times).toBe(1)
})

test.each([
  ['as it is', <T>(client: T) => client],
  ['as what a promise comes to', <T>(client: T) => Promise.resolve(client)],
])('an instance that is added too, %s, is closed once, where it was added', async (_, given) => {
  const ended: string[] = []
  class Database {
    close(): void {
      ended.push('database')
    }
  }
  const lifecycle = new LifecycleManager()
  const database = await lifecycle.add(given(new (lifecycle.managed(Database))()))
  lifecycle.add(() => void ended.push('repository'), { after: [database] })
  await lifecycle.close()
  expect(ended).toEqual(['repository', 'database'])
})

test('an instance that is collected before it was cleaned up is reported with the line that made it', async () => {
  class Leaking {
    cleanup(): void {}
  }
  const seen: unknown[] = []
  // Those of other tests come when they come.
  const listener = (message: unknown): void => {
    if ((message as { name: string }).name === 'Leaking') seen.push(message)
  }
  subscribe('code:gc:leak', listener)
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Leaking)
  const before = Date.now()
  ;(function leakOne() {
    return new Managed() instanceof Leaking
  })()
  ;(function cleanOne() {
    new Managed().cleanup()
  })()
  await collected(() => lifecycle.leaked().length > 0)
  unsubscribe('code:gc:leak', listener)
  const site = expect.stringMatching(/^leakOne \(.*living-instances\.test\.ts:\d+:\d+\)$/)
  expect(lifecycle.leaked()).toEqual([{ name: 'Leaking', site, at: expect.any(Number) }])
  expect(lifecycle.leaked()[0]!.at).toBeGreaterThanOrEqual(before)
  expect(seen).toEqual([{ name: 'Leaking', site }])
  expect(lifecycle.stats()).toMatchObject({ leaks: 1, managed: 0, resources: 0 })
})

test('an instance that is already collected at shutdown is a leak like the others', async () => {
  class Client {
    cleanup(): void {}
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  ;(function leakOne() {
    return new Managed() instanceof Client
  })()
  // A weak reference holds its target until the turn ends in which it was made.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(await lifecycle.close()).toMatchObject({ closed: true })
  expect(lifecycle.leaked()).toHaveLength(1)
})

test('only every n-th line is recorded on demand, and only the latest thousand leaks are kept', async () => {
  class Client {
    cleanup(): void {}
  }
  const lifecycle = new LifecycleManager({ sitesEvery: 2 })
  const Managed = lifecycle.managed(Client)
  ;(function leakMany() {
    for (let i = 0; i < 1500; i++) if (!(new Managed() instanceof Client)) throw new Error('impossible')
  })()
  await collected(() => lifecycle.stats().leaks === 1500)
  const sites = lifecycle.leaked().map(({ site }) => site)
  expect(sites).toHaveLength(1000)
  const recorded = sites.filter((site) => site !== 'not recorded')
  expect(recorded.length).toBeGreaterThanOrEqual(250)
  expect(recorded.length).toBeLessThanOrEqual(750)
})

test('every failure of an instance is reported, and those that hang with the lines that made them', async () => {
  const pending: Promise<void> = new Promise(() => {})
  class Client {
    readonly #outcome: () => Promise<void>
    constructor(outcome: () => Promise<void>) {
      this.#outcome = outcome
    }
    cleanup(): Promise<void> {
      return this.#outcome()
    }
  }
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 50 })
  const fails = lifecycle.managed(Client)
  const hangs = lifecycle.managed(class Hanging extends Client {})
  const failure = new Error('no')
  const reject = (): Promise<void> => Promise.reject(failure)
  const clients = [new fails(reject), new fails(async () => {}), new fails(reject), new hangs(() => pending)]
  const { steps, holders } = await lifecycle.close()
  const site = expect.stringContaining('living-instances.test.ts')
  expect(holders).toEqual([{ heldMs: expect.any(Number), site, label: 'Hanging instances' }])
  expect(steps).toMatchObject([
    { name: 'Hanging instances', ok: false, timedOut: true },
    { name: 'Client instances', ok: false, error: { message: '2 of 3 instances failed, first: Error: no' } },
  ])
  expect((steps[1]!.error as AggregateError).errors).toHaveLength(2)
  expect(clients).toHaveLength(4)
})

test('an instance made by a clean-up is cleaned up too', async () => {
  const ended: number[] = []
  class Client {
    readonly generation: number
    constructor(generation: number) {
      this.generation = generation
    }
    cleanup(): void {
      ended.push(this.generation)
      if (this.generation < 3) children.push(new Managed(this.generation + 1))
    }
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  const children = [new Managed(1)]
  expect(await lifecycle.close()).toMatchObject({ closed: true })
  expect(ended).toEqual([1, 2, 3])
})

/** Collects garbage until something is noticed, which happens in a task of its own after a collection. */
async function collected(noticed: () => boolean): Promise<void> {
  await expect
    .poll(
      () => {
        collect()
        return noticed()
      },
      { timeout: 10_000 },
    )
    .toBe(true)
}
