import { expect, test } from 'vitest'
import { readHeapFlags } from '../src/heap-flags.ts'

test('flags are read with hyphens or underscores, quoted or not, and the last one counts', () => {
  const options =
    '--enable-source-maps --max_semi_space_size=8  "--max-old-space-size=300" --max-old-space-size=400'
  expect(readHeapFlags([], options)).toEqual({ '--max-semi-space-size': 8, '--max-old-space-size': 400 })
})

test('the command line wins over NODE_OPTIONS', () => {
  const flags = readHeapFlags(['--optimize-for-size', '--max-semi-space-size=2'], '--max-semi-space-size=8')
  expect(flags).toEqual({ '--max-semi-space-size': 2, '--optimize-for-size': 1 })
})

test('what has nothing to do with heap sizes is left out, and so is a size of 0', () => {
  expect(readHeapFlags(['-e', 'x', '--max-old-space-size=0', '--stack-size=9'], '--no-warnings')).toEqual({})
})

test('a switch that is taken back does not count', () => {
  const options = '--optimize-for-size --lite-mode --no-optimize-for-size'
  expect(readHeapFlags(['--no_lite_mode'], options)).toEqual({})
})
