import { extname } from 'node:path'
import { quantile, type Benchmark } from '@code/testkit'
import { Pool } from 'pg'
import type * as MultiplexerModule from '../src/postgres/multiplexer/multiplexer.ts'
import type * as OptionsModule from '../src/postgres/options.ts'
import type * as LogModule from '../src/postgres/statement-log.ts'
import { NoOpClient, NoOpWire } from './no-op-client.ts'

const statement = { name: 'point', text: 'select id, v from points where id = $1', values: [1] }

/** What a query costs besides the protocol and the server: on connections that do nothing, one caller, no contention. */
export async function measureBookkeeping(suite: Benchmark): Promise<void> {
  const pool = new Pool({ Client: NoOpClient as never, max: 10 })
  const client = new NoOpWire()
  const multiplexer = await openMultiplexer()
  const measured = await suite.compare({
    title: 'a query on a client that does nothing, one caller',
    check: true,
    arms: {
      'the client alone': {
        async run(iterations) {
          let rows = 0
          for (let i = 0; i < iterations; i++) rows += (await client.query()).rowCount
          return rows
        },
      },
      'pg.Pool': {
        async run(iterations) {
          let rows = 0
          for (let i = 0; i < iterations; i++) rows += (await pool.query(statement)).rowCount ?? 0
          return rows
        },
        teardown: () => pool.end(),
      },
      ours: {
        async run(iterations) {
          const { text, values } = statement
          let rows = 0
          for (let i = 0; i < iterations; i++) {
            rows += (await multiplexer.query(text, values, noOptions)).rowCount ?? 0
          }
          return rows
        },
        teardown: () => multiplexer.close(),
      },
    },
  })
  const alone = measured.arms['the client alone']
  const ours = {
    in: measured,
    arm: 'ours',
    claim: 'beyond the client alone: at most 250 ns and 400 bytes',
  } as const
  suite.atMost({ ...ours, metric: 'nsPerOp', value: quantile(alone.nsPerOp, 0.5) + 250 })
  suite.atMost({ ...ours, metric: 'bytesPerOp', value: quantile(alone.bytesPerOp, 0.5) + 400 })
}

/** The multiplexer alone, over connections that answer at once. It is inside the package, where no export leads. */
async function openMultiplexer(): Promise<MultiplexerModule.Multiplexer> {
  const { Multiplexer } = await inside<typeof MultiplexerModule>('multiplexer/multiplexer')
  const { checkOptions } = await inside<typeof OptionsModule>('options')
  const { StatementLog } = await inside<typeof LogModule>('statement-log')
  return new Multiplexer('no-op', checkOptions({}), new StatementLog('no-op', 1_000), {
    wanted: 0,
    borrow: () => Promise.resolve({ wire: new NoOpWire(), usable: true } as never),
    giveBack: () => {},
    runAlone: () => Promise.reject(new Error('nothing runs alone here')),
    explainWait: () => '',
    mayPass: () => false,
  })
}

const noOptions = {}

function inside<M>(path: string): Promise<M> {
  const entry = import.meta.resolve('@code/connections/postgres')
  return import(new URL(`postgres/${path}${extname(entry)}`, entry).href) as Promise<M>
}
