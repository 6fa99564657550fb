import { startPostgres } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { PreparedStatements, type Prepared } from '../../../src/postgres/wire/prepared-statements.ts'
import { ask, connect, say, type OpenWire } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())
const here = { connectionString: server.url }

const onServer = async (wire: OpenWire): Promise<readonly unknown[]> => {
  const { rows } = await ask(wire, 'select name, statement from pg_prepared_statements order by prepare_time')
  return rows.map(({ name, statement }) => `${String(name)}: ${String(statement)}`)
}

test('a text has one statement, whose name is its own for ever', () => {
  const forgotten: Prepared[] = []
  const statements = new PreparedStatements(2, { onForget: (prepared) => forgotten.push(prepared) })
  const one = statements.of('one')!
  expect(statements.of('one')).toBe(one)
  const two = statements.of('two')!
  expect(statements.of('one')).toBe(one)
  const three = statements.of('three')
  expect(forgotten).toEqual([two])
  expect(statements.of('two')).not.toBe(two)
  expect(forgotten).toEqual([two, one])
  expect(new Set([one.name, two.name, three!.name, statements.of('two')!.name]).size).toBe(4)
})

test('use keeps a statement, whether it is asked for by text or by name', () => {
  const forgotten: string[] = []
  const statements = new PreparedStatements(3, { onForget: ({ text }) => forgotten.push(text) })
  statements.of('a')
  statements.of('b', 'named')
  statements.of('c')
  statements.of('a')
  statements.of('b', 'named')
  statements.of('a')
  statements.of('d')
  statements.of('e')
  expect(forgotten).toEqual(['c', 'b'])
})

test('a name belongs to one text, and comes free when that is forgotten', () => {
  const statements = new PreparedStatements(2, { onForget: () => {} })
  const one = statements.of('one', 'mine')!
  expect(one.name).toBe('mine')
  expect(() => statements.of('two', 'mine')).toThrow(
    new TypeError(`the name 'mine' belongs to another statement`),
  )
  expect(statements.of('one')).not.toBe(one)
  statements.forget(one)
  statements.forget(one)
  expect(statements.of('two', 'mine')).toMatchObject({ name: 'mine', text: 'two', sent: false })
  statements.clear()
  expect(statements.of('three', 'mine')).toMatchObject({ text: 'three' })
})

test('with a limit of 0 nothing is prepared', () => {
  const statements = new PreparedStatements(0, { onForget: () => {} })
  expect(statements.of('one')).toBe(undefined)
  expect(statements.of('one', 'mine')).toBe(undefined)
})

test('what is evicted is freed on the server, in the middle of a pipeline too', async () => {
  await using wire = await connect({ ...here, maxPrepared: 2 })
  const answers = [1, 2, 3, 1, 4, 4].map((n) => say(wire, `select $1::int as n${n}`, [n]))
  wire.flush()
  const results = await Promise.all(answers.map((answer) => answer.outcome()))
  expect(results.map(({ rows }) => rows)).toEqual([1, 2, 3, 1, 4, 4].map((n) => [{ [`n${n}`]: n }]))
  expect(await onServer(wire)).toEqual(['code_4: select $1::int as n1', 'code_5: select $1::int as n4'])
})

test('the caller finds its own names on the server', async () => {
  await using wire = await connect(here)
  for (const n of [1, 2]) {
    expect((await ask(wire, 'select $1::int as n', [n], { name: 'mine' })).rows).toEqual([{ n }])
  }
  expect(await onServer(wire)).toEqual(['mine: select $1::int as n'])
})

test('a Parse that fails in the middle of a pipeline is said again later, once', async () => {
  await using wire = await connect(here)
  const text = 'select n from comes_later where n = $1'
  const first = [say(wire, text, [1]), say(wire, 'select 1 as n', []), say(wire, text, [1])]
  wire.flush()
  await expect(first[0]!.outcome()).rejects.toMatchObject({ code: '42P01' })
  // The table comes, and the text is said again, before the answer to its second use is there.
  const table = say(wire, 'create temp table comes_later as select 1 as n')
  const second = [say(wire, text, [1]), say(wire, text, [2])]
  wire.flush()
  expect((await first[1]!.outcome()).rows).toEqual([{ n: 1 }])
  await expect(first[2]!.outcome()).rejects.toMatchObject({ code: '26000' })
  await table.outcome()
  const third = say(wire, text, [1])
  wire.flush()
  expect((await second[0]!.outcome()).rows).toEqual([{ n: 1 }])
  expect((await second[1]!.outcome()).rows).toEqual([])
  expect((await third.outcome()).rows).toEqual([{ n: 1 }])
  expect(await onServer(wire)).toHaveLength(2)
})

test('a statement whose first execution fails has its columns all the same', async () => {
  await using wire = await connect(here)
  const text = 'select 6 / $1::int as n, $2::text as t'
  const answers = [0, 1, 2].map((n) => say(wire, text, [n, 'x']))
  wire.flush()
  await expect(answers[0]!.outcome()).rejects.toMatchObject({ code: '22012' })
  expect((await answers[1]!.outcome()).rows).toEqual([{ n: 6, t: 'x' }])
  expect((await ask(wire, text, [3, 'y'])).rows).toEqual([{ n: 2, t: 'y' }])
})

test('a statement without columns is prepared and runs as well', async () => {
  await using wire = await connect(here)
  await ask(wire, 'create temp table written (n int)')
  for (const n of [1, 2]) {
    expect(await ask(wire, 'insert into written values ($1)', [n])).toEqual({
      rows: [],
      rowCount: 1,
      command: 'INSERT',
      fields: [],
    })
  }
})

test('a statement deallocated behind our back is 26000, and made anew once it is forgotten', async () => {
  await using wire = await connect(here)
  const text = 'select $1::int as n'
  await ask(wire, text, [1])
  await ask(wire, 'deallocate all')
  await expect(ask(wire, text, [1])).rejects.toMatchObject({ code: '26000' })
  wire.prepared.forget(wire.prepared.of(text)!)
  expect((await ask(wire, text, [2])).rows).toEqual([{ n: 2 }])
})

test('a statement whose columns have changed is 0A000, and has the new ones once it is forgotten', async () => {
  await using wire = await connect(here)
  await ask(wire, 'create temp table changing as select 1 as a')
  const text = 'select * from changing where a = $1'
  expect((await ask(wire, text, [1])).rows).toEqual([{ a: 1 }])
  await ask(wire, `alter table changing add column b text default 'new'`)
  await expect(ask(wire, text, [1])).rejects.toMatchObject({
    code: '0A000',
    routine: 'RevalidateCachedQuery',
  })
  wire.prepared.forget(wire.prepared.of(text)!)
  expect((await ask(wire, text, [1])).rows).toEqual([{ a: 1, b: 'new' }])
  expect(await onServer(wire)).toHaveLength(1)
})
