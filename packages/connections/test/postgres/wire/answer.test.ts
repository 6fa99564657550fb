import { startPostgres } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { ask, connect, say } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())
const here = { connectionString: server.url }

test('an empty text gives an empty result', async () => {
  await using wire = await connect(here)
  const empty = { rows: [], rowCount: null, command: '', fields: [] }
  expect(await ask(wire, '')).toEqual(empty)
  expect(await ask(wire, ' -- nothing\n', [])).toEqual(empty)
  expect(await ask(wire, '', [], { prepare: false })).toEqual(empty)
})

test('a row of 100 MB arrives whole', async () => {
  await using wire = await connect(here)
  const { rows } = await ask(wire, `select repeat('x', 100000000) as long`, [], { maxBytes: 200_000_000 })
  expect(String(rows[0]!['long']).length).toBe(100_000_000)
})

test('a row longer than any may be fails its statement alone', async () => {
  await using wire = await connect({ ...here, maxResultBytes: 1_000_000 })
  const long = say(wire, `select repeat('x', $1::int) as long`, [50_000_000])
  const behind = say(wire, 'select 1 as n', [])
  wire.flush()
  await expect(long.outcome()).rejects.toMatchObject({
    code: 'CONNECTIONS_RESULT_TOO_LARGE',
    message: 'the result is larger than maxResultBytes (1000000)',
  })
  expect((await behind.outcome()).rows).toEqual([{ n: 1 }])
})

test('rows that come to more than maxBytes fail their statement alone', async () => {
  await using wire = await connect(here)
  const text = `select repeat('x', 1000) from generate_series(1, 1000)`
  const many = say(wire, text, [], { maxBytes: 100_000 })
  const behind = say(wire, 'select 1 as n', [])
  wire.flush()
  await expect(many.outcome()).rejects.toMatchObject({ code: 'CONNECTIONS_RESULT_TOO_LARGE' })
  expect((await behind.outcome()).rows).toEqual([{ n: 1 }])
  expect((await ask(wire, `${text}; ${text}`, undefined, { maxBytes: 1_500_000 })).rowCount).toBe(1_000)
})

test('a type parser that throws fails its statement with what it threw', async () => {
  await using wire = await connect(here)
  const mistake = new Error('not this one')
  const types = {
    getTypeParser: () => () => {
      throw mistake
    },
  }
  const parsed = say(wire, 'select 1 as n from generate_series(1, 3)', [], { types })
  const behind = say(wire, 'select 1 as n', [])
  wire.flush()
  await expect(parsed.outcome()).rejects.toBe(mistake)
  expect((await behind.outcome()).rows).toEqual([{ n: 1 }])
})

test('the tags of a text with several statements are all there, repetitions left out', async () => {
  await using wire = await connect(here)
  const answer = say(wire, `select 1; select 2; set work_mem = '8MB'; select 3`)
  wire.flush()
  expect(await answer.outcome()).toMatchObject({ command: 'SELECT', rowCount: 1 })
  expect(answer.tags).toEqual(['SELECT 1', 'SET', 'SELECT 1'])
  expect(answer.tag).toBe('SELECT 1')
})

test('an answer that nobody wants any more skips its rows', async () => {
  await using wire = await connect(here)
  const answer = say(wire, 'select generate_series(1, 1000)', [])
  answer.unwanted = true
  wire.flush()
  expect(await answer.outcome()).toMatchObject({ rows: [], rowCount: 1_000 })
})
