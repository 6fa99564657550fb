import { EventEmitter } from 'node:events'

type Callback = (error: Error | undefined, result?: unknown) => void

const result = { rows: [{ id: 1 }], rowCount: 1, command: 'SELECT', fields: [] }

/** What a pg.Pool asks of its clients, without a server: each query is answered at once. */
export class NoOpClient extends EventEmitter {
  // Read by pg.Pool when a client comes back.
  readonly _queryable = true
  readonly _ending = false

  connect(callback: Callback): void {
    setImmediate(() => callback(undefined))
  }

  query(_statement: unknown, _values: unknown, callback: Callback): void {
    callback(undefined, result)
  }

  ref(): void {}

  unref(): void {}

  end(callback: Callback): void {
    setImmediate(() => callback(undefined))
  }
}

/** What is asked of an answer by who gives it. */
interface Answered {
  complete(tag: typeof selected): void
  end(): void
}

/** What a multiplexer asks of its connections, without a server: what is sent is answered at once. */
export class NoOpWire {
  readonly lostBy = undefined
  readonly inTransaction = false
  readonly prepared = { of: () => ({ sent: true, described: true }) }
  readonly #sent: Answered[] = []

  /** A query by itself, answered at once. */
  query(): Promise<typeof selected> {
    return new Promise((resolve) => {
      this.run({ complete: () => {}, end: () => resolve(selected) })
      this.flush()
    })
  }

  run(answer: Answered): void {
    this.#sent.push(answer)
  }

  heardAt = 0

  flush(): void {
    this.heardAt = performance.now()
    for (let answer = this.#sent.pop(); answer !== undefined; answer = this.#sent.pop()) {
      answer.complete(selected)
      answer.end()
    }
  }
}

const selected = { text: 'SELECT 1', command: 'SELECT', rowCount: 1 }
