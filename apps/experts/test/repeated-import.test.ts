import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgres } from '@code/connections/postgres'
import { expect, test } from 'vitest'
import { askPath } from '../src/check-answers.ts'
import { importPlaces } from '../src/import-places.ts'
import { startStack } from '../src/stack.ts'

test(
  'what was answered from memory is asked anew once other places are imported',
  { timeout: 60_000 },
  async () => {
    await using stack = await startStack()
    await using service = await stack.serve({ variant: 'composed' })
    const ask = async (): Promise<unknown> => {
      const response = await fetch(service.origin + askPath('Reykjavik'))
      return ((await response.json()) as { matches: object[] }).matches[0]
    }
    expect(await ask()).toMatchObject({ country: 'IS' })
    expect(await ask()).toMatchObject({ country: 'IS' })
    expect(await service.usage()).toMatchObject({ hits: 1 })

    await using database = postgres({ connectionString: stack.database.url }).open()
    const folder = await mkdtemp(join(tmpdir(), 'code-import-'))
    try {
      const file = join(folder, 'cities.json')
      const elsewhere = { name: 'Reykjavík', country: 'CA', admin1: '03', lat: '50.9', lng: '-97.1' }
      await writeFile(file, JSON.stringify([elsewhere]))
      await importPlaces(database, file)
      await expect.poll(ask, { timeout: 5000 }).toMatchObject({ country: 'CA' })
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
