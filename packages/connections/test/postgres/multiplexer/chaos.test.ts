import { startPostgres } from '@code/testkit'
import { afterAll, expect, test, vi } from 'vitest'
import { ConnectionsError, postgres } from '../../../src/postgres.ts'
import { terminate, watcher } from '../faults/load.ts'
import { seeded } from '../wire/conversation.ts'

const server = await startPostgres()
const admin = watcher(server.url)
afterAll(async () => {
  await admin.close()
  await server.close()
})

test.for([1, 2, 3, 4])(
  'whatever happens, each call settles once and every connection comes back (seed %d)',
  { timeout: 60_000 },
  async (seed) => {
    const random = seeded(seed)
    const pick = (count: number): number => Math.floor(random() * count)
    const name = `chaos-${seed}`
    const table = `chaos_${seed}`
    await admin.query(`create table ${table} (id int primary key)`)
    const db = postgres({
      connectionString: server.url,
      name,
      maxSize: 1 + pick(5),
      maxWaiting: 200,
      fairness: random() < 0.5 ? 'equal' : 'isolate',
    }).open()

    /** Each kind of statement tells what it must give. */
    const kinds: ((id: number) => [text: string, values: unknown[], expected: unknown])[] = [
      (id) => ['select $1::int as id', [id], [{ id }]],
      (id) => [`select ${id % 20} as n, $1::int as id`, [id], [{ n: id % 20, id }]],
      (id) => ['select $1::int as id, pg_sleep($2)::text as slept', [id, random() / 20], [{ id, slept: '' }]],
      (id) => ['select 1 / ($1::int % 2) as n, $2::int as id', [id, id], [{ n: 1, id }]],
      (id) => [`insert into ${table} values ($1) returning id`, [id], [{ id }]],
      (id) => [`with w as (insert into ${table} values ($1) returning id) select id from w`, [id], [{ id }]],
      (id) => [`select set_config('work_mem', $1, false)`, [`${id + 100}kB`], undefined],
      (id) => [`select $1::int as id, repeat('x', 20000) as text`, [id], [{ id, text: 'x'.repeat(20_000) }]],
      (id) => [`select ${id} as id; select ${id} as id`, [], [{ id }]],
    ]

    const settled = new Map<number, number>()
    const written: number[] = []
    const mayBeWritten = new Set<number>()
    const calls: Promise<unknown>[] = []
    const ask = async (id: number): Promise<void> => {
      const [text, values, expected] = kinds[pick(kinds.length)]!(id)
      const controller = new AbortController()
      const limit = random()
      const timeoutMs = limit < 0.1 ? 1 + pick(30) : 20_000
      if (limit > 0.9) setTimeout(() => controller.abort(new Error('aborted')), pick(30))
      const isWrite = text.includes('insert')
      try {
        const isScript = text.includes(';')
        const { signal } = controller
        const result = await db.query(text, isScript ? undefined : values, { signal, timeoutMs })
        expect(result.rows).toEqual(expected)
        if (isWrite) written.push(id)
      } catch (error) {
        if (error instanceof ConnectionsError ? error.mayHaveRun : (error as Error).message === 'aborted') {
          mayBeWritten.add(id)
        } else if (!(error instanceof ConnectionsError)) throw error
      }
      settled.set(id, (settled.get(id) ?? 0) + 1)
    }

    let id = 0
    for (let burst = 0; burst < 40; burst++) {
      for (let i = pick(30); i >= 0; i--) calls.push(ask(id++))
      if (random() < 0.2) {
        calls.push(
          db
            .transaction((tx) => tx.query('select pg_sleep(0.01)'), { timeoutMs: 20_000 })
            .catch((error: unknown) => expect(error).toBeInstanceOf(ConnectionsError)),
        )
      }
      if (random() < 0.15) await terminate(admin, name)
      else if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve))
      else await admin.query('select pg_sleep($1)', [random() / 50])
    }
    await Promise.all(calls)

    expect([...settled.values()]).toEqual(Array.from({ length: id }, () => 1))
    const { rows } = await admin.query<{ id: number }>(`select id from ${table}`)
    const found = new Set(rows.map((row) => row.id))
    expect(written.filter((one) => !found.has(one))).toEqual([])
    const surely = new Set(written)
    expect([...found].filter((one) => !surely.has(one) && !mayBeWritten.has(one))).toEqual([])

    await vi.waitFor(() => expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 }), 10_000)
    expect((await db.query('select 1 as one', [])).rows).toEqual([{ one: 1 }])
    expect(await db.close({ deadlineMs: 5_000 })).toMatchObject({ closed: true, holders: [] })
  },
)
