import { runReadmeExample } from '@code/testkit'
import { expect, test } from 'vitest'

test('the example of the README runs as printed, and its process ends by itself', async () => {
  const { stdout } = await runReadmeExample(new URL('..', import.meta.url))
  expect(stdout).toMatch(/^target .*\nrequests .*\nresponse .*\nstatuses +200 [\d,]+\nerrors +none/)
  expect(stdout).toMatch(/\nresult +passed\n$/)
})
