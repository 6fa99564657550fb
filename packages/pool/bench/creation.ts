import { createECDH } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { ObjectPool } from '@code/pool'
import type { Benchmark } from '@code/testkit'

/** Objects that somebody holds at any time: without them the compiler would make nothing at all. */
const held = 32

const megabyte = 1024 * 1024

/** Time to get an object into the hands of who needs it: made anew, or lent and reset at its return. */
export async function measureCreation(suite: Benchmark): Promise<void> {
  await measure(suite, 'a plain object of four fields', {
    make: () => ({ id: 0, name: '', x: 0, y: 0 }),
    reset: (object) => {
      object.id = object.x = object.y = 0
      object.name = ''
    },
  })
  await measure(suite, 'a tokenizer: a table of 128 words, a decoder, and a Set of what was seen', {
    timesBetter: 20,
    make: () => ({
      numbers: new Map(words.map((word, i) => [word, i])),
      decoder: new TextDecoder(),
      seen: new Set<string>(),
      position: 0,
    }),
    reset: (tokenizer) => {
      tokenizer.seen.clear()
      tokenizer.position = 0
    },
  })
  await measure(suite, 'a client with a buffer of 1 MB', {
    timesBetter: 100,
    make: () => ({ scratch: Buffer.alloc(megabyte), read: 0, written: 0 }),
    reset: (client) => void (client.read = client.written = 0),
  })
  await measure(suite, 'a client with a buffer of 1 MB, zeroed at each return', {
    make: () => ({ scratch: Buffer.alloc(megabyte), read: 0, written: 0 }),
    reset: (client) => void client.scratch.fill(0),
  })
  await measure(suite, 'a client with a buffer of 1 MB, an ECDH key and a TLS context', {
    timesBetter: 100,
    make: () => {
      const ecdh = createECDH('prime256v1')
      ecdh.generateKeys()
      return { scratch: Buffer.alloc(megabyte), ecdh, tls: createSecureContext(), written: 0 }
    },
    reset: (client) => void (client.written = 0),
  })
}

const words = Array.from({ length: 128 }, (_, i) => `word-${i}`)

interface Kind<T extends object> {
  readonly make: () => T
  readonly reset: (object: T) => void
  /** What is asked for; nothing where the pool is known to gain little or to lose. */
  readonly timesBetter?: number
}

async function measure<T extends object>(suite: Benchmark, title: string, kind: Kind<T>): Promise<void> {
  const { make, reset, timesBetter } = kind
  const pool = new ObjectPool({ create: make, reset, maxSize: held })
  await pool.warm(held)
  const created = Array.from({ length: held }, make)
  const lent = Array.from({ length: held }, () => pool.tryAcquire()!)
  const creation = await suite.compare({
    title,
    bytes: false,
    arms: {
      created: {
        run(iterations) {
          for (let i = 0; i < iterations; i++) created[i % held] = make()
          return created.length
        },
      },
      pooled: {
        run(iterations) {
          for (let i = 0; i < iterations; i++) {
            pool.release(lent[i % held]!)
            lent[i % held] = pool.tryAcquire()!
          }
          return lent.length
        },
      },
    },
    check: true,
  })
  if (timesBetter !== undefined) {
    const claim = 'the guide: object creation −90 %'
    suite.atLeast({
      in: creation,
      metric: 'nsPerOp',
      arm: 'pooled',
      timesBetterThan: timesBetter,
      than: 'created',
      claim,
    })
  }
  for (const object of lent) pool.release(object)
  await pool.close()
}
