import { runReadmeExample, startPostgres } from '@code/testkit'
import { expect, test } from 'vitest'

const folder = new URL('..', import.meta.url)

test('the example of the README runs as printed', async () => {
  const { stdout } = await runReadmeExample(folder)
  expect(stdout).toBe("200 { city: 'Oslo' }\n")
})

test('the Postgres example of the README runs as printed', async () => {
  await using server = await startPostgres()
  const { stdout } = await runReadmeExample(folder, { block: 2, env: { DATABASE_URL: server.url } })
  expect(stdout).toBe("copied 1\n[ { name: 'Oslo', people: 717710 } ]\ntrue\n")
})
