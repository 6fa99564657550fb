import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { read } from './read.ts'

test('progress and the end are published', async () => {
  const seen: unknown[] = []
  for (const name of ['code:stream:progress', 'code:stream:done']) {
    const listener = (message: unknown): unknown => seen.push([name, message])
    subscribe(name, listener)
    onTestFinished(() => void unsubscribe(name, listener))
  }
  await read('[1,bad,2]', { onError: 'skip' })
  const message = { source: 'stream', bytes: 9, records: 2, errors: 1 }
  expect(seen).toEqual([
    ['code:stream:progress', message],
    ['code:stream:done', { ...message, ms: expect.any(Number) }],
  ])

  await read('[1,bad,2]')
  expect(seen.slice(2)).toMatchObject([['code:stream:done', { records: 1, errors: 1 }]])
})
