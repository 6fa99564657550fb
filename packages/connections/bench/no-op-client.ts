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
