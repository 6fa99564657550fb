import type { PostgresServer, TcpProxy } from '@code/testkit'
import { checkOptions, type PostgresOptions, type QueryResult } from '../../../src/postgres/options.ts'
import { Answer, type ResultFormat } from '../../../src/postgres/wire/answer.ts'
import { Wire } from '../../../src/postgres/wire/wire.ts'

export const format: ResultFormat = { rowMode: 'object', types: undefined, maxBytes: 1_000_000 }

/** An answer that tells when it is there, and counts how often it was told. */
export class Told extends Answer {
  readonly over: Promise<Told>
  times = 0
  #resolve: ((self: Told) => void) | undefined

  constructor(given: Partial<ResultFormat> = {}) {
    super({ ...format, ...given })
    this.over = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  override end(): void {
    this.times++
    this.#resolve?.(this)
  }

  /** What a caller would get. */
  async outcome(): Promise<QueryResult<Record<string, unknown>>> {
    await this.over
    if (this.failure !== undefined) throw this.failure.error
    return this.result()
  }
}

export type OpenWire = Wire & AsyncDisposable

export async function connect(options: PostgresOptions): Promise<OpenWire> {
  const wire = await Wire.connect('test', checkOptions(options), new AbortController().signal)
  return Object.assign(wire, { [Symbol.asyncDispose]: () => wire.end() })
}

export interface How extends Partial<ResultFormat> {
  readonly name?: string
  /** @default true */
  readonly prepare?: boolean
}

/** Says one statement; nothing is sent. */
export function say(wire: Wire, text: string, values?: readonly unknown[], how: How = {}): Told {
  const answer = new Told(how)
  const { name, prepare = true } = how
  if (values === undefined) wire.script(answer, text)
  else wire.run(answer, text, values, prepare ? wire.prepared.of(text, name) : undefined)
  return answer
}

/** Asks one thing and waits for its outcome. */
export function ask(
  wire: Wire,
  text: string,
  values?: readonly unknown[],
  how?: How,
): Promise<QueryResult<Record<string, unknown>>> {
  const answer = say(wire, text, values, how)
  wire.flush()
  return answer.outcome()
}

/** The server's address, by way of a proxy. */
export function through(
  { user, password, database }: PostgresServer,
  { host, port }: TcpProxy,
): PostgresOptions {
  return { host, port, user, password, database }
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
