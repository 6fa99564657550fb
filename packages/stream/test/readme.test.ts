import { runReadmeExample } from '@code/testkit'
import { expect, test } from 'vitest'

test('the example of the README runs as printed', async () => {
  const { stdout } = await runReadmeExample(new URL('..', import.meta.url))
  expect(stdout).toBe('Zürich, Bern\nSTREAM_BAD_RECORD 1 2 25\n')
})
