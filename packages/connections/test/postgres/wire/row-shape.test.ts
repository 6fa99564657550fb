import { startPostgres } from '@code/testkit'
import { Client, types } from 'pg'
import { afterAll, expect, test } from 'vitest'
import { pgTypes } from '../../../src/postgres/wire/pg.ts'
import { RowShape } from '../../../src/postgres/wire/row-shape.ts'
import { ask, connect } from './conversation.ts'

const server = await startPostgres()
const [ours, pgs] = await Promise.all([connect({ connectionString: server.url }), connectPg()])
afterAll(async () => {
  await Promise.all([ours.end(), pgs.end()])
  await server.close()
})

async function connectPg(): Promise<Client> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  return client
}

test.for([
  `select null::int as a, 0 as b, -1 as c, 2147483647 as d, (-2147483648)::int as e`,
  `select (-32768)::int2 as a, 32767::int2 as b, 4294967295::oid as c, null::oid as d`,
  `select 9223372036854775807 as a, (-9223372036854775808)::int8 as b, 1.50::numeric as c, 'NaN'::numeric as d`,
  `select 1.5::float4 as a, -2.25::float8 as b, 'Infinity'::float8 as c, 'NaN'::float8 as d, '-0'::float8 as e`,
  `select true as a, false as b, null::bool as c`,
  `select 'a' as a, 'ab' as b, 'abc' as c, 'abcd' as d, 'abcde' as e, 'é' as f, 'aé' as g, '€' as h, '𝒳' as i`,
  `select ''::text as a, 'ä€𝒳' as b, repeat('ß', 40)::varchar as c, 'c'::char(3) as d, '"x"'::name as e`,
  `select '{1,NULL,-3}'::int[] as a, '{{a,"b,c"},{"",NULL}}'::text[] as b, '{}'::bool[] as c, '{1.5}'::float8[] as d`,
  `select '{"a": [1, "ß"]}'::json as a, '[1, null]'::jsonb as b, 'null'::jsonb as c`,
  `select '2024-02-29'::date as a, '2024-02-29 12:34:56.789'::timestamp as b, '2024-02-29 12:34:56+02'::timestamptz as c`,
  `select 'infinity'::timestamptz as a, '12:34'::time as b, '1 day 02:03:04.5'::interval as c`,
  `select '\\x00ff'::bytea as a, '\\x'::bytea as b, array['\\x01'::bytea] as c`,
  `select '127.0.0.1'::inet as a, gen_random_uuid() is null as b, '(1,2)'::point as c, '[1,3)'::int4range as d`,
  `select row(1, 'x') as a, 'r'::"char" as b, '00-00-00-00-00-00'::macaddr as c, b'101' as d, 12.3::money as e`,
  `select 1 as same, 2 as same, 3 as other, 4 as same`,
  `select 1 as "__proto__", 2 as "constructor", 3 as "toString"`,
  `select 1 as "1", 2 as "0", 4 as "ü b"`,
  `select`,
  `select from generate_series(1, 3)`,
  `select n, n::text || repeat('x', n) as t from generate_series(0, 40) as n`,
  `select 1 as n where false`,
  `create temp table if not exists nothing (n int)`,
  `values (1, 'a'), (2, null)`,
  `select * from pg_class order by oid limit 20`,
])('rows and fields are as pg gives them: %s', async (text) => {
  for (const rowMode of ['object', 'array'] as const) {
    const expected = await pgs.query({ text, rowMode: rowMode as 'array' })
    for (const values of [undefined, [], []]) {
      const result = await ask(ours, text, values, { rowMode })
      expect(result.rows).toEqual(
        rowMode === 'object' ? expected.rows.map((row) => ({ ...(row as object) })) : expected.rows,
      )
      expect(result.rows.map((row) => Object.keys(row))).toEqual(expected.rows.map((row) => Object.keys(row)))
      expect(result.fields).toEqual(expected.fields.map((field) => ({ ...field })))
      expect([result.rowCount, result.command]).toEqual([expected.rowCount, expected.command])
    }
  }
})

test('a column named __proto__ is a column, and no prototype', async () => {
  const { rows } = await ask(ours, `select '{"a": 1}'::json as "__proto__", 2 as n`)
  expect(Object.keys(rows[0]!)).toEqual(['__proto__', 'n'])
  expect(Object.getOwnPropertyDescriptor(rows[0], '__proto__')?.value).toEqual({ a: 1 })
  expect((rows[0] as { a?: unknown }).a).toBe(undefined)
})

test('a NULL in one row leaves nothing of the row before', async () => {
  const { rows } = await ask(ours, `values (1, 'a'), (null, null), (2, 'b')`)
  expect(rows).toEqual([
    { column1: 1, column2: 'a' },
    { column1: null, column2: null },
    { column1: 2, column2: 'b' },
  ])
})

test('of several statements the last with rows counts as it comes', async () => {
  expect(await ask(ours, `select 1 as a; select 'x' as b, 2 as c`)).toMatchObject({
    rows: [{ b: 'x', c: 2 }],
  })
  expect(await ask(ours, 'select 1 as a; create temp table then_that (n int)')).toEqual({
    rows: [],
    rowCount: null,
    command: 'CREATE',
    fields: [],
  })
  expect(await ask(ours, 'select 1 as a; insert into then_that values (1), (2)')).toMatchObject({
    rows: [],
    rowCount: 2,
    command: 'INSERT',
    fields: [],
  })
})

const int4 = types.builtins.INT4
const shouting = { getTypeParser: (oid: number) => (text: string) => `${oid}:${text}!` }
const asBigint = {
  getTypeParser: (oid: number): ((text: string) => unknown) =>
    oid === 20 || oid === 23 ? BigInt : pgTypes.getTypeParser(oid, 'text'),
}

test('the parsers of the connection read its results', async () => {
  await using wire = await connect({ connectionString: server.url, types: shouting })
  for (const values of [undefined, [], []]) {
    const { rows } = await ask(wire, `select 1 as n, 'x' as t, null as z`, values)
    expect(rows).toEqual([{ n: '23:1!', t: '25:x!', z: null }])
  }
})

test('the parsers of a statement are its own', async () => {
  const text = `select 1 as n, 2::int8 as m, 'x' as t`
  const plain = [{ n: 1, m: '2', t: 'x' }]
  for (const values of [undefined, [], []]) {
    expect((await ask(ours, text, values)).rows).toEqual(plain)
    expect((await ask(ours, text, values, { types: asBigint })).rows).toEqual([{ n: 1n, m: 2n, t: 'x' }])
    expect((await ask(ours, text, values, { types: shouting })).rows).toEqual([
      { n: '23:1!', m: '20:2!', t: '25:x!' },
    ])
    expect((await ask(ours, text, values)).rows).toEqual(plain)
  }
})

test('a parser set in pg holds for connections from then on', async () => {
  const before = types.getTypeParser(int4, 'text')
  types.setTypeParser(int4, (text: string) => `int ${text}`)
  try {
    expect((await ask(ours, 'select 1 as n, 2::int2 as m')).rows).toEqual([{ n: 'int 1', m: 2 }])
  } finally {
    types.setTypeParser(int4, before)
  }
})

test('descriptions and rows that end early or late, or count wrongly, are refused', () => {
  const description = Buffer.concat([Buffer.from([0, 2]), column('n', 23), column('t', 25)])
  const shape = RowShape.read(description, 0, description.length, undefined)
  const row = Buffer.from([0, 2, 0, 0, 0, 1, 0x37, 0, 0, 0, 1, 0x78])
  expect(shape.object(row, 0, row.length)).toEqual({ n: 7, t: 'x' })
  for (let end = 0; end < description.length; end++) {
    expect(() => RowShape.read(more(description.subarray(0, end)), 0, end, undefined)).toThrow(
      /the server sent/,
    )
    expect(() => RowShape.read(description.subarray(0, end), 0, end, undefined)).toThrow(/the server sent/)
  }
  for (let end = 0; end <= row.length + 4; end++) {
    if (end === row.length) continue
    for (const bytes of [more(row), row.subarray(0, Math.min(end, row.length))]) {
      expect(() => shape.object(bytes, 0, end)).toThrow('a row that does not fit its description')
      expect(() => shape.array(bytes, 0, end)).toThrow('a row that does not fit its description')
    }
  }
})

function column(name: string, oid: number): Buffer {
  const numbers = Buffer.alloc(18)
  numbers.writeUInt32BE(oid, 6)
  return Buffer.concat([Buffer.from(`${name}\0`), numbers])
}

/** More than the message lies in the buffer, as it does when messages come together. */
function more(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(100, 0xff)])
}
