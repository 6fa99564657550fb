import { runReadmeExample } from '@code/testkit'
import { expect, test } from 'vitest'

test('the example of the README runs as printed', async () => {
  const { stdout } = await runReadmeExample(new URL('..', import.meta.url))
  expect(stdout).toBe('sum: 6 share of time in collections below 1: true\nclosed: chores true, pauses true\n')
})
