import { checkMs, describe } from './check.ts'
import { checkCapacities } from './capacity.ts'
import type {
  ConnectionLease,
  ConnectionOf,
  Driver,
  GetConnectionOptions,
  HealthOptions,
  PoolOf,
  WarmOptions,
} from './driver.ts'
import { ConnectionsError } from './errors.ts'
import {
  closeDefaults,
  type CloseOptions,
  type CloseReport,
  type HealthCheck,
  type HealthReport,
} from './report.ts'

/** All pools of a service under their names: warmed, asked for their health and closed together. */
export class ConnectionPoolManager<
  P extends Readonly<Record<string, Driver>> = {},
> implements AsyncDisposable {
  readonly #pools = new Map<string, PoolOf<Driver>>()
  #closing: Promise<CloseReport> | undefined

  constructor(pools?: P) {
    for (const [name, driver] of Object.entries(pools ?? {})) this.configurePool(name, driver)
  }

  /**
   * Adds a pool. The manager it returns, which is this one, knows it by name and type.
   * @throws {TypeError} when the name is taken
   */
  configurePool<const N extends string, D extends Driver>(
    name: N,
    driver: D,
  ): ConnectionPoolManager<P & Record<N, D>> {
    if (this.#closing !== undefined) throw closed()
    if (this.#pools.has(name)) throw new TypeError(`there is a pool named ${describe(name)} already`)
    if (typeof (driver as Partial<Driver> | undefined)?.open !== 'function') {
      throw new TypeError(`the driver of ${describe(name)} must have open(name), got ${describe(driver)}`)
    }
    this.#pools.set(name, driver.open(name))
    return this
  }

  /** @throws {TypeError} when no pool has this name */
  pool<N extends keyof P & string>(name: N): PoolOf<P[N]> {
    const pool = this.#pools.get(name)
    if (pool === undefined) {
      const known = [...this.#pools.keys()].map(describe).join(', ') || 'none'
      throw new TypeError(`there is no pool named ${describe(name)}; known: ${known}`)
    }
    return pool as PoolOf<P[N]>
  }

  /** Lends a connection for its holder alone, until it is disposed of. Rejects as the pool does. */
  async getConnection<N extends keyof P & string>(
    name: N,
    options?: GetConnectionOptions,
  ): Promise<ConnectionLease<ConnectionOf<PoolOf<P[N]>>>> {
    const lease = await this.#pool(name).getConnection(options)
    return lease as ConnectionLease<ConnectionOf<PoolOf<P[N]>>>
  }

  /** Runs `work` with a connection and returns the connection whatever happens. */
  async withConnection<N extends keyof P & string, R>(
    name: N,
    work: (connection: ConnectionOf<PoolOf<P[N]>>) => R | Promise<R>,
    options?: GetConnectionOptions,
  ): Promise<R> {
    const lease = await this.getConnection(name, options)
    try {
      return await work(lease.connection)
    } finally {
      await lease[Symbol.asyncDispose]()
    }
  }

  /**
   * Connects every pool to its `minSize`, all at once, and checks that the servers take as many connections as the
   * pools may open.
   * @throws {ConnectionsError} CONNECTIONS_TOO_MANY when a server does not, and as the pools do
   */
  async warm(options?: WarmOptions): Promise<void> {
    const pools = [...this.#pools.values()]
    await Promise.all(pools.map((pool) => pool.warm(options)))
    const capacities = await Promise.all(pools.map(async (pool) => pool.capacity?.(options)))
    checkCapacities(capacities.filter((capacity) => capacity !== undefined))
  }

  /** Asks one pool, or all at once, for a sign of life. Never rejects because one is ill. */
  async health(name?: keyof P & string, options?: HealthOptions): Promise<HealthReport> {
    const asked = name === undefined ? [...this.#pools.values()] : [this.#pool(name)]
    const answers = await Promise.all(asked.map((pool) => healthOf(pool, options)))
    const checks = answers.flatMap(checksOf)
    const failed = checks.filter(({ ok }) => !ok)
    return Object.freeze({
      isHealthy: failed.every(({ critical }) => !critical),
      checks: Object.freeze(checks),
      failures: Object.freeze(failed.map(({ name, error }) => `${name}: ${error ?? 'unhealthy'}`)),
    })
  }

  /** The figures of each pool, by name. */
  stats(): { readonly [N in keyof P]: ReturnType<PoolOf<P[N]>['stats']> } {
    const figures = Array.from(this.#pools, ([name, pool]) => [name, pool.stats()])
    return Object.freeze(Object.fromEntries(figures)) as {
      readonly [N in keyof P]: ReturnType<PoolOf<P[N]>['stats']>
    }
  }

  /** Closes every pool at the same time and resolves by the deadline. The holders of all are told together. */
  close({ deadlineMs = closeDefaults.deadlineMs }: CloseOptions = {}): Promise<CloseReport> {
    checkMs('deadlineMs', deadlineMs)
    return (this.#closing ??= this.#close(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const startedAt = performance.now()
    const reports = await Promise.all(Array.from(this.#pools.values(), (pool) => closeOf(pool, deadlineMs)))
    return Object.freeze({
      closed: reports.every((report) => report.closed),
      ms: performance.now() - startedAt,
      holders: Object.freeze(
        reports.flatMap(({ holders }) => holders.map((holder) => Object.freeze({ ...holder }))),
      ),
    })
  }

  #pool(name: keyof P & string): PoolOf<Driver> {
    return this.pool(name) as PoolOf<Driver>
  }
}

function closed(): ConnectionsError {
  return new ConnectionsError('CONNECTIONS_CLOSED', 'the connection pool manager is closed')
}

/** A pool's answer, followed by those of its parts. */
function checksOf({ parts = [], ...own }: HealthCheck): readonly HealthCheck[] {
  return [own, ...parts].map((check) => Object.freeze({ ...check }))
}

/** A pool of another's making may reject where it should answer: it is ill then. */
async function healthOf(pool: PoolOf<Driver>, options: HealthOptions | undefined): Promise<HealthCheck> {
  const startedAt = performance.now()
  try {
    return await pool.health(options)
  } catch (error) {
    const ms = performance.now() - startedAt
    return { name: pool.name, ok: false, ms, critical: true, error: messageOf(error) }
  }
}

async function closeOf(pool: PoolOf<Driver>, deadlineMs: number): Promise<CloseReport> {
  try {
    return await pool.close({ deadlineMs })
  } catch (error) {
    return { closed: false, ms: 0, holders: [{ heldMs: 0, label: `${pool.name}: ${messageOf(error)}` }] }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
