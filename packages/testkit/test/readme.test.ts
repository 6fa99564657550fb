import { expect, test } from 'vitest'
import { runReadmeExample } from '../src/index.ts'

test('the example of the README runs', async () => {
  const { stdout } = await runReadmeExample(new URL('..', import.meta.url))
  expect(stdout).toMatch(/^serving on port \d+\n$/)
})
