import { benchmark } from '@code/testkit'
import { startStack } from 'experts'

// The example's import, file to indexed rows in Postgres: how fast, and in how little memory. Each sample is
// a fresh process against a fresh server.

const suite = benchmark({ name: 'import', folder: new URL('../', import.meta.url) })

const imports = await suite.samples({
  title: 'import of 171,075 cities',
  rounds: 5,
  warmupRounds: 0,
  higherIsBetter: ['rowsPerSecond', 'copiedRowsPerSecond'],
  arms: {
    ours: async () => {
      await using stack = await startStack()
      const { rows, ms, copyMs, peakRssBytes } = stack.imported
      return {
        rowsPerSecond: rows / (ms / 1000),
        copiedRowsPerSecond: rows / (copyMs / 1000),
        peakRssBytes,
      }
    },
  },
})

suite.atLeast({ in: imports, metric: 'rowsPerSecond', arm: 'ours', value: 50_000 })
suite.atMost({ in: imports, metric: 'peakRssBytes', arm: 'ours', value: 150 * 10 ** 6 })
await suite.finish()
