import { expect, vi } from 'vitest'
import { ConnectionsError, postgres, type PostgresOptions, type PostgresPool } from '../../../src/postgres.ts'

/** How one call ended. */
export interface Outcome {
  /** Its number in the order in which the calls were made, from 0. */
  readonly call: number
  /** `undefined` when it succeeded. */
  readonly error?: unknown
}

export interface Load {
  /** Resolves when so many more calls have succeeded. */
  succeed(count: number): Promise<void>
  /** Lets no caller ask again, and resolves when all calls have ended. */
  stop(): Promise<readonly Outcome[]>
}

/** Callers that ask one thing after another, whatever becomes of it. */
export function load(callers: number, ask: (call: number) => Promise<unknown>): Load {
  const outcomes: Outcome[] = []
  const targets = new Set<{ readonly at: number; readonly reached: () => void }>()
  let calls = 0
  let done = 0
  const stopping = new AbortController()
  const work = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const call = calls++
      try {
        await ask(call)
        outcomes.push({ call })
        done++
        for (const target of targets) if (done >= target.at) target.reached()
      } catch (error) {
        outcomes.push({ call, error })
      }
      // Calls that fail at once must not starve the event loop.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const working = Promise.all(Array.from({ length: callers }, work))
  return {
    async succeed(count) {
      await new Promise<void>((reached) => targets.add({ at: done + count, reached }))
    },
    async stop() {
      stopping.abort()
      await working
      return outcomes
    },
  }
}

/** A pool whose statements have a connection for themselves: to look at the server with. */
export function watcher(connectionString: string): PostgresPool {
  return postgres({ connectionString, multiplex: false, maxSize: 3, name: 'watcher' }).open()
}

/** Ends the server's side of all connections of a pool. */
export async function terminate(admin: PostgresPool, pool: string): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    `select count(pg_terminate_backend(pid))::int as count from pg_stat_activity where application_name = $1`,
    [pool],
  )
  return rows[0]!.count
}

/** Resolves when the server runs at least so many statements of a pool that begin like this. */
export async function running(
  admin: PostgresPool,
  pool: string,
  beginning: string,
  count = 1,
): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await admin.query(
      `select 1 from pg_stat_activity where application_name = $1 and state = 'active' and starts_with(query, $2)`,
      [pool, beginning],
    )
    expect(rows.length).toBeGreaterThanOrEqual(count)
  }, 10_000)
}

/** The outcome of a call that is expected to fail. */
export function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error,
  )
}

/** The failures among outcomes, as pairs of call and error. */
export function failures(outcomes: readonly Outcome[]): readonly (Outcome & { readonly error: unknown })[] {
  return outcomes.filter((outcome): outcome is Outcome & { error: unknown } => outcome.error !== undefined)
}

/**
 * Each insert into `table (call)` that succeeded is there once; one that failed is there at most once, and only if
 * its failure said that it may have run.
 */
export async function expectNoneTwice(
  admin: PostgresPool,
  table: string,
  outcomes: readonly Outcome[],
): Promise<void> {
  const { rows } = await admin.query<{ call: number; times: number }>(
    `select call, count(*)::int as times from ${table} group by call`,
  )
  const times = new Map(rows.map((row) => [row.call, row.times]))
  const wrong = outcomes.filter(({ call, error }) => {
    const written = times.get(call) ?? 0
    if (error === undefined) return written !== 1
    return written > (error instanceof ConnectionsError && error.mayHaveRun ? 1 : 0)
  })
  expect(wrong).toEqual([])
  expect(rows.length).toBeLessThanOrEqual(outcomes.length)
}

/** The server's address, by way of something in front of it. */
export function through(
  {
    user,
    password,
    database,
  }: { readonly user: string; readonly password: string; readonly database: string },
  { host, port }: { readonly host: string; readonly port: number },
): PostgresOptions {
  return { host, port, user, password, database }
}
