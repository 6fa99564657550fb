import { expect, expectTypeOf, test } from 'vitest'
import { LifecycleManager } from '../../src/index.ts'

test('a managed class is the one it was made of', () => {
  class Client {
    static opened = 0
    static open(host: string): Client {
      return new this(host)
    }
    readonly #host: string
    constructor(host: string) {
      this.#host = host
      Client.opened++
    }
    get host(): string {
      return this.#host
    }
    cleanup(): void {}
  }
  const { stackTraceLimit } = Error
  const Managed = new LifecycleManager().managed(Client)
  expectTypeOf(Managed).toEqualTypeOf<typeof Client>()
  expect([Managed.name, Managed.length, Managed.opened]).toEqual(['Client', 1, 0])
  const client = Managed.open('a')
  expect(client.host).toBe('a')
  expect(client).toBeInstanceOf(Managed)
  expect(client).toBeInstanceOf(Client)
  expect(client.constructor).toBe(Managed)
  expect(new Client('b')).not.toBeInstanceOf(Managed)
  expect(Object.keys(client)).toEqual([])
  expect(Error.stackTraceLimit).toBe(stackTraceLimit)
})

test('a class derived from a managed one is its own class', async () => {
  const ended: string[] = []
  abstract class Client {
    readonly madeAs: string
    constructor() {
      this.madeAs = new.target.name
    }
    cleanup(): void {
      ended.push(`cleanup of ${this.madeAs}`)
    }
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  class Derived extends Managed {}
  const derived = new Derived()
  expect(derived).toBeInstanceOf(Managed)
  expect(lifecycle.stats().managed).toBe(1)
  await lifecycle.close()
  expect(ended).toEqual(['cleanup of Derived'])
})

test('a derived class that overrides the verb without super is noticed too', () => {
  class Client {
    cleanup(): void {}
  }
  const lifecycle = new LifecycleManager()
  class Derived extends lifecycle.managed(Client) {
    override cleanup(): string {
      return 'done'
    }
  }
  const client = new Derived()
  expect(client.cleanup()).toBe('done')
  expect(lifecycle.stats().managed).toBe(0)
})

test('a verb that is a field is noticed too, and a frozen instance is let be', async () => {
  let times = 0
  class Client {
    readonly close = (): void => void times++;
    [Symbol.dispose](): void {
      this.close()
    }
  }
  class Frozen {
    constructor() {
      Object.freeze(this)
    }
    cleanup(): void {}
  }
  const lifecycle = new LifecycleManager()
  const Managed = lifecycle.managed(Client)
  const client = new Managed()
  client.close()
  expect([lifecycle.stats().managed, Object.keys(client)]).toEqual([0, ['close']])
  class Derived extends lifecycle.managed(Frozen) {
    override cleanup(): void {}
  }
  expect(new Derived()).toBeInstanceOf(Frozen)
  await lifecycle.close()
  expect(times).toBe(1)
})

test('a verb keeps its name and length', () => {
  class Client {
    close(first?: unknown, second?: unknown): unknown[] {
      return [first, second]
    }
  }
  const Managed = new LifecycleManager().managed(Client)
  const { name, length } = Reflect.get(Managed.prototype, 'close') as { name: string; length: number }
  expect([name, length]).toEqual(['close', 2])
})

test('an instance belongs to the most derived of managed classes', async () => {
  let times = 0
  class Client {
    cleanup(): void {
      times++
    }
  }
  const lifecycle = new LifecycleManager()
  class Derived extends lifecycle.managed(Client) {}
  const Managed = lifecycle.managed(Derived)
  const client = new Managed()
  expect(lifecycle.stats().managed).toBe(1)
  await lifecycle.close()
  expect(times).toBe(1)
  expect(client).toBeInstanceOf(Client)
})

test('a verb that takes a deadline is given one', async () => {
  const given: number[] = []
  class Client {
    close({ deadlineMs }: { readonly deadlineMs: number }): void {
      given.push(deadlineMs)
    }
  }
  const lifecycle = new LifecycleManager({ stepDeadlineMs: 1000 })
  const client = new (lifecycle.managed(Client))()
  await lifecycle.close()
  expect(given).toEqual([900])
  expect(client).toBeInstanceOf(Client)
})

test('only a class with a verb can be managed', () => {
  const { managed } = new LifecycleManager()
  class Plain {
    end(): void {}
  }
  // @ts-expect-error: no verb
  expect(() => managed(Plain)).toThrow(/^managed takes a class with cleanup\(\), .*, got the function Plain$/)
  expect(() => managed({} as never)).toThrow('managed takes a class, got an object of Object')
  const context = { kind: 'method' } as never
  expect(() => managed((() => {}) as never, context)).toThrow("managed takes a class, got 'method'")
})
