import type { Benchmark } from '@code/testkit'
import { Pool } from 'pg'
import { NoOpClient } from './no-op-client.ts'

const statement = { name: 'point', text: 'select id, v from points where id = $1', values: [1] }

/** What a query costs besides pg and the server: on clients that do nothing, one caller, no contention. */
export async function measureBookkeeping(suite: Benchmark): Promise<void> {
  const pool = new Pool({ Client: NoOpClient as never, max: 10 })
  await suite.compare({
    title: 'a query on a client that does nothing, one caller',
    check: true,
    arms: {
      'pg.Pool': {
        async run(iterations) {
          let rows = 0
          for (let i = 0; i < iterations; i++) rows += (await pool.query(statement)).rows.length
          return rows
        },
        teardown: () => pool.end(),
      },
      // Here goes ours, over a lane that answers at once, with
      //   suite.atMost({ …, metric: 'nsPerOp', arm: 'ours', value: 250 })
      //   suite.atMost({ …, metric: 'bytesPerOp', arm: 'ours', value: 400 })
    },
  })
}
