import { startPostgres, type Benchmark } from '@code/testkit'
import { Client } from 'pg'
import { closedLoop, plainFigures } from './closed-loop.ts'
import { openContenders, type Contender, type ContenderName, type Query } from './contenders.ts'
import type { Extent } from './extent.ts'
import { execute } from './points.ts'
import { seeded } from './random.ts'

const scale = 10
const tellers = 10 * scale
const accounts = 100_000 * scale

/** Tables as pgbench makes them, with its fillers: the width of a row is part of the work. */
const schema = [
  'create table branches (bid int primary key, bbalance int not null, filler char(88)) with (fillfactor = 100)',
  'create table tellers (tid int primary key, bid int not null, tbalance int not null, filler char(84))',
  'create table accounts (aid int primary key, bid int not null, abalance int not null, filler char(84))',
  'create table history (tid int, bid int, aid int, delta int, mtime timestamptz, filler char(22))',
  `insert into branches select id, 0, '' from generate_series(1, ${scale}) id`,
  `insert into tellers select id, (id - 1) / 10 + 1, 0, '' from generate_series(1, ${tellers}) id`,
  `insert into accounts select id, (id - 1) / 100000 + 1, 0, '' from generate_series(1, ${accounts}) id`,
  'vacuum analyze',
  'checkpoint',
]

const statements = {
  updateAccount: {
    name: 'update-account',
    text: 'update accounts set abalance = abalance + $1 where aid = $2',
  },
  readAccount: { name: 'read-account', text: 'select abalance from accounts where aid = $1' },
  updateTeller: {
    name: 'update-teller',
    text: 'update tellers set tbalance = tbalance + $1 where tid = $2',
  },
  updateBranch: {
    name: 'update-branch',
    text: 'update branches set bbalance = bbalance + $1 where bid = $2',
  },
  insertHistory: {
    name: 'insert-history',
    text: 'insert into history (tid, bid, aid, delta, mtime) values ($1, $2, $3, $4, current_timestamp)',
  },
}

/**
 * The TPC-B-like script of pgbench: five statements in a transaction, on a server of its own that does all the
 * work a commit means (write-ahead log, fsync). Transactions have a connection to themselves in every contender,
 * so there is nothing to win by sharing; what is asked is that nothing is lost.
 */
export async function measureTpcb(suite: Benchmark, extent: Extent): Promise<void> {
  const settings = { fsync: true, full_page_writes: true, synchronous_commit: true }
  await using server = await startPostgres({ settings })
  const { url } = server
  await execute(url, ...schema)
  for (const inFlight of [10, 32]) {
    const names: ContenderName[] = ['pg.Pool', 'ours']
    if (extent.postgresJs) names.push('postgres.js')
    await using contenders = openContenders(url, names)
    const measured = await suite.samples({
      title: `TPC-B-like transactions at scale ${scale}, ${inFlight} in flight`,
      rounds: extent.rounds,
      arms: contenders.arms((contender) =>
        sample(url, contender, { inFlight, forMs: 1.5 * extent.sampleMs }),
      ),
      higherIsBetter: ['rps'],
    })
    const claim = 'work of processor and disk, not of sleep, is as fast as through pg.Pool'
    suite.atLeast({ in: measured, metric: 'rps', arm: 'ours', timesBetterThan: 1, than: 'pg.Pool', claim })
  }
  await execute(url, 'drop table accounts, branches, tellers, history')
}

async function sample(
  url: string,
  contender: Contender,
  load: { readonly inFlight: number; readonly forMs: number },
): Promise<Record<'rps' | 'p50Ms' | 'p95Ms', number>> {
  // As pgbench prepares a run.
  await execute(url, 'vacuum branches', 'vacuum tellers', 'truncate history')
  const before = await balancesOf(url)
  const random = seeded(load.inFlight)
  const upTo = (most: number): number => 1 + Math.floor(random() * most)
  const call = (): Promise<unknown> => {
    const [aid, bid, tid, delta] = [upTo(accounts), upTo(scale), upTo(tellers), upTo(10_001) - 5_001]
    return contender.transaction((query) => transfer(query, { aid, bid, tid, delta }))
  }
  const figures = await closedLoop({ ...load, call })
  const { transactions, deltas, branches, tellers: inTellers } = await balancesOf(url)
  const right =
    transactions === figures.fast.length &&
    branches - before.branches === deltas &&
    inTellers - before.tellers === deltas
  if (!right) throw new Error(`${figures.fast.length} transactions left ${transactions}, sums differ`)
  return plainFigures(figures)
}

async function transfer(
  query: Query,
  { aid, bid, tid, delta }: Record<'aid' | 'bid' | 'tid' | 'delta', number>,
): Promise<void> {
  await query(statements.updateAccount, [delta, aid])
  const rows = await query(statements.readAccount, [aid])
  await query(statements.updateTeller, [delta, tid])
  await query(statements.updateBranch, [delta, bid])
  await query(statements.insertHistory, [tid, bid, aid, delta])
  if (typeof rows[0]?.['abalance'] !== 'number') throw new Error(`account ${aid} has no balance`)
}

interface Balances {
  readonly transactions: number
  readonly deltas: number
  readonly branches: number
  readonly tellers: number
}

async function balancesOf(connectionString: string): Promise<Balances> {
  const client = new Client({ connectionString })
  await client.connect()
  const { rows } = await client.query<Balances>(`select
    (select count(*)::int from history) as transactions,
    (select coalesce(sum(delta), 0)::int from history) as deltas,
    (select sum(bbalance)::int from branches) as branches,
    (select sum(tbalance)::int from tellers) as tellers`)
  await client.end()
  return rows[0]!
}
