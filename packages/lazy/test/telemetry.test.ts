import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test, vi } from 'vitest'
import { LazyImporter } from '../src/index.ts'

test('each load is told, once, on its channel', async () => {
  const importer = new LazyImporter(new URL('fixtures/', import.meta.url))
  const seen: unknown[] = []
  const listener = (message: unknown): void => void seen.push(message)
  subscribe('code:lazy:load', listener)
  try {
    const plain = importer.importModule<{ name: string }>('./plain.cjs')
    void [plain.name, plain.name]
    await importer.load('./plain.cjs')
    await importer.load('./top-level-await.mjs')
    await importer.load('./missing.cjs').catch(() => {})
  } finally {
    unsubscribe('code:lazy:load', listener)
  }
  const number = expect.any(Number)
  expect(seen).toEqual([
    { specifier: './plain.cjs', ms: number, rssDeltaBytes: number },
    { specifier: './top-level-await.mjs', ms: number, rssDeltaBytes: number },
  ])
})

test('without a listener no message is made', () => {
  const publish = vi.spyOn(channel('code:lazy:load'), 'publish')
  void new LazyImporter(new URL('fixtures/', import.meta.url)).importModule<{ name: string }>('./plain.cjs')
    .name
  expect(publish).not.toHaveBeenCalled()
})
