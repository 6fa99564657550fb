import { runReadmeExample } from '@code/testkit'
import { expect, test } from 'vitest'

test('the example of the README runs as printed', async () => {
  const { stdout } = await runReadmeExample(new URL('..', import.meta.url))
  expect(stdout).toBe('false\n1000 bytes\nloaded: node:zlib\n')
})
