import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { checkArray, checkString } from './check.ts'
import type { Instrument } from './instrument.ts'
import {
  connectChannel,
  queryChannel,
  waitChannel,
  type ConnectMessage,
  type QueryMessage,
  type WaitMessage,
} from './telemetry.ts'

/** What is asked of a meter; the `Meter` of `@opentelemetry/api` has this shape. */
export interface Meter {
  createHistogram(
    name: string,
    options: MetricOptions & { advice: { explicitBucketBoundaries: number[] } },
  ): MeterHistogram
  createObservableCounter(name: string, options: MetricOptions): MeterObservable
  createObservableUpDownCounter(name: string, options: MetricOptions): MeterObservable
  addBatchObservableCallback(callback: MeterCallback, observables: MeterObservable[]): void
  removeBatchObservableCallback(callback: MeterCallback, observables: MeterObservable[]): void
}

/** What a metric is, and its unit in UCUM. */
export interface MetricOptions {
  description: string
  unit: string
}

/** Made by the meter for one kind of duration. */
export interface MeterHistogram {
  record(value: number, attributes: MetricAttributes): void
}

/** Made by the meter, and only given back to it. */
export type MeterObservable = object

/** Called by the meter when somebody reads its metrics. */
export type MeterCallback = (result: {
  observe(observable: MeterObservable, value: number, attributes: MetricAttributes): void
}) => void

/** What tells the series of a metric apart. */
export type MetricAttributes = Record<string, string>

/**
 * Publishes the Postgres pools of this process, those opened later too, as OpenTelemetry's semantic conventions
 * for database clients name them (`db.client.connection.*`, `db.client.operation.duration`), until it is disposed
 * of. With `pools`, only those of these names; pools that share a name are added up.
 *
 * `wait_time` knows the callers who had to wait, `use_time` is exact to 20 ms, and `error.type` is the `code` of a
 * ConnectionsError, or `_OTHER` for a statement that was aborted.
 */
export function observeConnections(meter: Meter, pools?: readonly string[]): Disposable {
  if (pools !== undefined) {
    checkArray('pools', pools)
    for (const name of pools) checkString('a name in pools', name)
  }
  const wanted = pools && new Set(pools)
  const counts = observeCounts(meter, wanted)
  const durations = recordDurations(meter, wanted)
  return {
    [Symbol.dispose]: () => {
      counts[Symbol.dispose]()
      durations[Symbol.dispose]()
    },
  }
}

/** What the pools say of themselves, whenever the meter is read. */
function observeCounts(meter: Meter, wanted: Wanted): Disposable {
  const upDown = (name: string, unit: string, description: string): MeterObservable =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description })
  const count = upDown('count', '{connection}', 'Connections in the state that the attribute names.')
  const max = upDown('max', '{connection}', 'The most connections there may be.')
  const idleMin = upDown('idle.min', '{connection}', 'The connections that idleness does not close.')
  const pending = upDown('pending_requests', '{request}', 'Callers that wait for a connection.')
  const timeouts = meter.createObservableCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description: 'Callers that waited for a connection in vain.',
  })

  const observables = [count, max, idleMin, pending, timeouts]
  const observe: MeterCallback = (result) => {
    for (const [name, pool] of readPools(wanted)) {
      const attributes = { [poolName]: name }
      result.observe(count, pool.idle, { ...attributes, 'db.client.connection.state': 'idle' })
      result.observe(count, pool.inUse, { ...attributes, 'db.client.connection.state': 'used' })
      result.observe(max, pool.maxSize, attributes)
      result.observe(idleMin, pool.minSize, attributes)
      result.observe(pending, pool.waiting, attributes)
      result.observe(timeouts, pool.timeouts, attributes)
    }
  }
  meter.addBatchObservableCallback(observe, observables)
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(observe, observables) }
}

/** What took how long, as it happens. */
function recordDurations(meter: Meter, wanted: Wanted): Disposable {
  const histogram = (name: string, description: string): MeterHistogram =>
    meter.createHistogram(`db.client.${name}`, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: [...boundaries] },
    })
  const createTime = histogram('connection.create_time', 'How long it took to connect.')
  const waitTime = histogram('connection.wait_time', 'How long a caller waited for a connection.')
  const useTime = histogram('connection.use_time', 'How long a connection was on loan.')
  const operation = histogram('operation.duration', 'How long a statement took.')

  // Object pools of all kinds tell of their loans. The pools of connections are those that are there already, and
  // those that are heard of later: a connection is made before it is lent.
  const known = new Set(readPools(wanted).keys())
  const on = (channel: string | symbol, record: (message: unknown) => void): Disposable => {
    const listener = (message: unknown): void => {
      if (wanted === undefined || wanted.has((message as { readonly pool: string }).pool)) record(message)
    }
    subscribe(channel, listener)
    return { [Symbol.dispose]: () => void unsubscribe(channel, listener) }
  }
  const subscriptions = [
    on(connectChannel.name, (message) => {
      const { pool, ms, ok } = message as ConnectMessage
      known.add(pool)
      if (ok) createTime.record(ms / 1000, { [poolName]: pool })
    }),
    on(waitChannel.name, (message) => {
      const { pool, waitedMs } = message as WaitMessage
      waitTime.record(waitedMs / 1000, { [poolName]: pool })
    }),
    on(queryChannel.name, (message) => {
      const { pool, ms, ok, code } = message as QueryMessage
      const attributes = { 'db.system.name': 'postgresql', [poolName]: pool }
      operation.record(ms / 1000, ok ? attributes : { ...attributes, 'error.type': code ?? '_OTHER' })
    }),
    on('code:pool:release', (message) => {
      const { pool, heldMs } = message as ReleaseMessage
      if (known.has(pool)) useTime.record(heldMs / 1000, { [poolName]: pool })
    }),
  ]
  return {
    [Symbol.dispose]: () => {
      for (const subscription of subscriptions) subscription[Symbol.dispose]()
    },
  }
}

/** The figures by name of what is listed as a pool and as connections: of an HTTP origin or an object pool, only one is. */
function readPools(wanted: Wanted): Map<string, PoolFigures> {
  const listed = [
    ...((globalThis as { [instruments]?: Map<string, Instrument> })[instruments]?.values() ?? []),
  ]
  const named = (kind: string): Set<string> =>
    new Set(listed.filter((instrument) => instrument.kind === kind).map(({ name }) => name))
  const ofConnections = named('connections')
  const ofPools = named('pool')
  const pools = new Map<string, PoolFigures>()
  for (const instrument of listed) {
    const { kind, name } = instrument
    if (kind !== 'pool' && kind !== 'connections') continue
    if (!ofPools.has(name) || !ofConnections.has(name) || wanted?.has(name) === false) continue
    const stats = instrument.stats()
    const sum = pools.get(name) ?? { idle: 0, inUse: 0, maxSize: 0, minSize: 0, waiting: 0, timeouts: 0 }
    for (const stat of Object.keys(sum) as (keyof PoolFigures)[]) sum[stat] += Number(stats[stat] ?? 0)
    pools.set(name, sum)
  }
  return pools
}

type Wanted = ReadonlySet<string> | undefined

type PoolFigures = Record<'idle' | 'inUse' | 'maxSize' | 'minSize' | 'waiting' | 'timeouts', number>

/** A lent object came back to a pool of `@code/pool`. */
interface ReleaseMessage {
  readonly pool: string
  readonly heldMs: number
}

const poolName = 'db.client.connection.pool.name'

/** In seconds, as the conventions want them for `operation.duration`. A meter's own suit milliseconds. */
const boundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

const instruments: unique symbol = Symbol.for('code.instruments') as never
