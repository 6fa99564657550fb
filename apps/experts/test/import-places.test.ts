import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectionPoolManager } from '@code/connections'
import { postgres } from '@code/connections/postgres'
import { startPostgres } from '@code/testkit'
import { expect, test } from 'vitest'
import { importPlaces } from '../src/import-places.ts'
import { importsChannel } from '../src/places.ts'

const city = (name: string): object => ({ name, country: 'NO', admin1: '12', lat: '59.9', lng: '10.7' })

test('a file that is not what it should be leaves everything as it was', { timeout: 60_000 }, async () => {
  await using server = await startPostgres()
  await using connections = new ConnectionPoolManager().configurePool(
    'postgres',
    postgres({ connectionString: server.url, maxSize: 2 }),
  )
  const database = connections.pool('postgres')
  const folder = await mkdtemp(join(tmpdir(), 'code-import-'))
  const file = join(folder, 'cities.json')
  const names = async (): Promise<unknown> =>
    (await database.query('select name from experts.places order by id')).rows
  const tables = async (): Promise<unknown> =>
    (await database.query(`select tablename from pg_tables where schemaname = 'experts'`)).rows
  try {
    await writeFile(file, JSON.stringify([city('Oslo'), city('Ås')]))
    expect(await importPlaces(database, file)).toMatchObject({ rows: 2 })

    const whole = JSON.stringify(Array.from({ length: 5000 }, (_, i) => city(`City ${i}`)))
    const broken: [content: string, message: RegExp][] = [
      [whole.slice(0, 200_000), /cities\.json.*byte 200000/s],
      ['{"cities":[]}', /cities\.json.*byte 0/s],
      [whole.replace('"59.9"', '"north"'), /cities\.json.*byte \d+.*coordinates/s],
      ['', /cities\.json/],
    ]
    for (const [content, message] of broken) {
      await writeFile(file, content)
      await expect(importPlaces(database, file)).rejects.toThrow(message)
      expect(await names()).toEqual([{ name: 'Oslo' }, { name: 'Ås' }])
      expect(await tables()).toEqual([{ tablename: 'places' }])
    }
    await expect(importPlaces(database, join(folder, 'missing.json'))).rejects.toThrow(/missing\.json/)

    await writeFile(file, whole)
    await using imports = await database.listen(importsChannel)
    expect(await importPlaces(database, file)).toMatchObject({ rows: 5000 })
    expect(await names()).toHaveLength(5000)
    for await (const { payload } of imports) {
      expect(payload, 'only a complete import is told of').toBe('5000')
      break
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
