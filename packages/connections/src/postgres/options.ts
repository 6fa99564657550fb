import type { ConnectionOptions } from 'node:tls'
import type { GetConnectionOptions } from '../driver.ts'
import {
  checkArray,
  checkBoolean,
  checkInteger,
  checkMs,
  checkString,
  describe,
  withDefaults,
} from '../check.ts'
import { checkReplicas } from './replica-endpoint.ts'

/** Where the server is, and how many connections it may be asked for. What is not given comes from `PGHOST` and its like. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. Its parts win over the options below. */
  readonly connectionString?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | (() => string | Promise<string>) | undefined
  readonly database?: string | undefined
  /** `true`, or options of `node:tls`. @default false */
  readonly ssl?: boolean | ConnectionOptions | undefined
  /**
   * Streaming replicas of that server, for statements with `replica: true`: connection strings, or what differs from
   * the primary's options. Each has a pool of its own, with the same limits. @default none
   */
  readonly replicas?: readonly (string | PostgresEndpoint)[] | undefined
  /** How old the data of a replica may be that statements go to, in milliseconds, from 1. @default 1_000 */
  readonly maxLagMs?: number | undefined
  /** The name in telemetry, messages and `pg_stat_activity`. @default the manager's name for it, or 'postgres-1', … */
  readonly name?: string | undefined
  /** Connections that `warm()` opens and idleness does not close. Integer from 0 to `maxSize`. @default 0 */
  readonly minSize?: number | undefined
  /** Most connections at once. Integer from 1. @default 10 */
  readonly maxSize?: number | undefined
  /** Most callers waiting for a connection. Integer from 0. @default 10_000 */
  readonly maxWaiting?: number | undefined
  /** How long to wait for a connection, in milliseconds. @default 10_000 */
  readonly acquireTimeoutMs?: number | undefined
  /** How long connecting and logging in may take, in milliseconds. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined
  /** How long one statement may take, in milliseconds. @default 30_000 */
  readonly statementTimeoutMs?: number | undefined
  /** How long a connection beyond `minSize` may lie idle, in milliseconds. @default 60_000 */
  readonly idleTimeoutMs?: number | undefined
  /** Most statements kept prepared on one connection, named by the caller or not; 0 prepares none. Integer from 0. @default 256 */
  readonly maxPrepared?: number | undefined
  /**
   * Whether single statements share connections, several under way on each; else each has one for itself.
   * @default true
   */
  readonly multiplex?: boolean | undefined
  /**
   * What becomes of fast statements while slow ones wait for connections: `'equal'` lets both wait alike, as one
   * queue would; `'isolate'` lets the fast ones pass. @default 'equal'
   */
  readonly fairness?: 'equal' | 'isolate' | undefined
  /**
   * Whether PgBouncer stands in between and hands out connections by the transaction: nothing is prepared then and
   * no setting made on a connection. @default false
   */
  readonly pgBouncer?: boolean | undefined
  /** Whether the statements in flight are limited by how the server's answers slow down. @default false */
  readonly adaptiveLimit?: boolean | undefined
  /** The most that the values of one result may come to, in bytes as the server writes them. @default 268_435_456 */
  readonly maxResultBytes?: number | undefined
  /** Statements that take longer, in milliseconds, are told on the channel `code:connections:slow`. @default 1_000 */
  readonly slowMs?: number | undefined
  /** A connection lent for longer, in milliseconds, is reported as a leak, with the line that took it. @default undefined */
  readonly leakAfterMs?: number | undefined
  /** Told of each notice of the server. What it throws is ignored: no statement suffers from it. */
  readonly onNotice?: ((notice: PostgresNotice) => void) | undefined
  /** Turns a column's text into a value, instead of pg's own parsers. */
  readonly types?: PostgresTypes | undefined
}

/** Where a server is, and as whom to log in. */
export type PostgresEndpoint = Pick<
  PostgresOptions,
  'connectionString' | 'host' | 'port' | 'user' | 'password' | 'database' | 'ssl'
>

export interface PostgresNotice {
  readonly severity?: string | undefined
  readonly code?: string | undefined
  readonly message?: string | undefined
}

export interface PostgresTypes {
  getTypeParser(oid: number, format?: string): (text: string) => unknown
}

/** Options of one statement. */
export interface QueryOptions {
  /** The name to prepare the statement under, for this text alone; not `code_…`. @default one for each text with values */
  readonly name?: string | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Whether it may be run twice without harm: it is run again then when its connection is lost. Statements that
   * only read are known without it. @default false
   */
  readonly idempotent?: boolean | undefined
  /**
   * Whether it reads only, and may read from a replica of which it is known that its data is at most `maxLagMs` old;
   * when there is none, or it fails it, from the primary. Without meaning in a transaction or on a lease.
   * @default false
   */
  readonly replica?: boolean | undefined
  /**
   * Whether it writes although its first word is that of a read, which the server would tell only if no function
   * catches its refusal. @default false
   */
  readonly writes?: boolean | undefined
  /** Rows as objects, or as arrays in the order of `fields`. @default 'object' */
  readonly rowMode?: 'object' | 'array' | undefined
  /** Parsers for this statement's columns. @default the pool's */
  readonly types?: PostgresTypes | undefined
  /** How long it may take with its wait for a connection, in milliseconds. @default acquireTimeoutMs, then statementTimeoutMs */
  readonly timeoutMs?: number | undefined
}

/** Options of a COPY. */
export interface CopyOptions {
  readonly signal?: AbortSignal | undefined
  /** How long the server may keep silent when it is its turn, in milliseconds. @default `statementTimeoutMs` */
  readonly timeoutMs?: number | undefined
}

/** Options of a lease. */
export interface LeaseOptions extends GetConnectionOptions {
  /**
   * When what the holder set on the connection is discarded at its return: in any case, or only if a statement of
   * the lease was seen to leave something, which functions of your own may do unseen. Discarding costs the
   * connection's prepared statements. @default 'always'
   */
  readonly reset?: 'always' | 'when-seen' | undefined
}

/** Options of a transaction. */
export interface TransactionOptions {
  /** @default the server's, which is 'read committed' as a rule */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined
  /** @default false */
  readonly readOnly?: boolean | undefined
  /** Whether a `readOnly` one may run on a replica, as a statement's option of that name. @default false */
  readonly replica?: boolean | undefined
  /** How often to run it again after a serialization failure or deadlock (SQLSTATE 40001, 40P01). @default 0 */
  readonly retries?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** How long the whole may take, repetitions included, in milliseconds. @default undefined: each statement has its limit */
  readonly timeoutMs?: number | undefined
}

/** What a statement gave. Of several statements in one text, the last. */
export interface QueryResult<R> {
  readonly rows: R[]
  /** How many rows it returned or changed, where that makes sense. */
  readonly rowCount: number | null
  /** The first word of what the server says it did. */
  readonly command: string
  readonly fields: readonly QueryField[]
}

/** A column of a result, under pg's names. */
export interface QueryField {
  readonly name: string
  readonly tableID: number
  readonly columnID: number
  readonly dataTypeID: number
  readonly dataTypeSize: number
  readonly dataTypeModifier: number
  readonly format: 'text'
}

const defaults = {
  minSize: 0,
  maxSize: 10,
  maxWaiting: 10_000,
  acquireTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  maxPrepared: 256,
  multiplex: true,
  fairness: 'equal' as 'equal' | 'isolate',
  pgBouncer: false,
  adaptiveLimit: false,
  maxResultBytes: 268_435_456,
  slowMs: 1_000,
  maxLagMs: 1_000,
}

export type CheckedOptions = Omit<PostgresOptions, keyof typeof defaults> &
  Readonly<typeof defaults> & {
    /** Whether it is a replica's: nobody waits for one that is away, as the primary is there. */
    readonly isReplica?: boolean | undefined
  }

export function checkOptions(options: PostgresOptions): CheckedOptions {
  const checked = withDefaults(defaults, options) as CheckedOptions
  checkAddress(checked)
  checkInteger('maxSize', checked.maxSize, 1)
  checkInteger('minSize', checked.minSize, 0)
  if (checked.minSize > checked.maxSize) {
    throw new RangeError(`minSize must be at most maxSize (${checked.maxSize}), got ${checked.minSize}`)
  }
  checkInteger('maxWaiting', checked.maxWaiting, 0)
  checkInteger('maxPrepared', checked.maxPrepared, 0)
  checkMs('acquireTimeoutMs', checked.acquireTimeoutMs)
  checkMs('connectTimeoutMs', checked.connectTimeoutMs)
  checkMs('statementTimeoutMs', checked.statementTimeoutMs)
  checkMs('idleTimeoutMs', checked.idleTimeoutMs)
  checkMs('slowMs', checked.slowMs)
  checkMs('maxLagMs', checked.maxLagMs)
  if (checked.replicas !== undefined) checkReplicas(checked.replicas)
  if (checked.leakAfterMs !== undefined) checkMs('leakAfterMs', checked.leakAfterMs)
  checkInteger('maxResultBytes', checked.maxResultBytes, 1)
  for (const name of ['multiplex', 'pgBouncer', 'adaptiveLimit'] as const) checkBoolean(name, checked[name])
  if (checked.fairness !== 'equal' && checked.fairness !== 'isolate') {
    throw new TypeError(`fairness must be 'equal' or 'isolate', got ${describe(checked.fairness)}`)
  }
  return checked.pgBouncer ? { ...checked, maxPrepared: 0 } : checked
}

/** What is wrong there would end the process, out of a socket, or end as a riddle. */
function checkAddress(options: PostgresOptions): void {
  for (const name of ['connectionString', 'host', 'user', 'database', 'name'] as const) {
    if (options[name] !== undefined) checkString(name, options[name])
  }
  const { port, password, ssl, types, onNotice } = options
  if (port !== undefined) checkInteger('port', port, 1)
  if (password !== undefined && typeof password !== 'function') checkString('password', password)
  if (ssl !== undefined && typeof ssl !== 'boolean' && (typeof ssl !== 'object' || ssl === null)) {
    throw new TypeError(`ssl must be true, false or options of node:tls, got ${describe(ssl)}`)
  }
  if (types !== undefined) checkTypes(types)
  if (onNotice !== undefined && typeof onNotice !== 'function') {
    throw new TypeError(`onNotice must be a function, got ${describe(onNotice)}`)
  }
}

function checkTypes(types: PostgresTypes): void {
  if (typeof (types as Partial<PostgresTypes> | null)?.getTypeParser !== 'function') {
    throw new TypeError(`types must have getTypeParser(oid, format), got ${describe(types)}`)
  }
}

function checkSignal(signal: AbortSignal): void {
  if (typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, got ${describe(signal)}`)
  }
}

/** @throws {TypeError | RangeError} */
export function checkLease({ signal, timeoutMs, reset }: LeaseOptions): void {
  if (signal !== undefined) checkSignal(signal)
  if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
  if (reset !== undefined && reset !== 'always' && reset !== 'when-seen') {
    throw new TypeError(`reset must be 'always' or 'when-seen', got ${describe(reset)}`)
  }
}

/** @throws {TypeError | RangeError} */
export function checkStatement(
  text: string,
  values: readonly unknown[] | undefined,
  { name, signal, timeoutMs, rowMode, types, idempotent, writes, replica }: QueryOptions,
): void {
  checkString('text', text)
  if (values !== undefined) checkArray('values', values)
  if (timeoutMs !== undefined) checkMs('timeoutMs', timeoutMs)
  if (rowMode !== undefined && rowMode !== 'object' && rowMode !== 'array') {
    throw new TypeError(`rowMode must be 'object' or 'array', got ${describe(rowMode)}`)
  }
  if (signal !== undefined) checkSignal(signal)
  if (types !== undefined) checkTypes(types)
  if (replica !== undefined) checkBoolean('replica', replica)
  if (idempotent !== undefined) checkBoolean('idempotent', idempotent)
  if (writes !== undefined) checkBoolean('writes', writes)
  if (name === undefined) return
  checkString('name', name)
  if (name === '' || name.startsWith('code_')) {
    throw new TypeError(`name must not be empty or begin with 'code_', got ${describe(name)}`)
  }
}
