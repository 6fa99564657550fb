import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { checkOptions } from '../../../src/postgres/options.ts'
import { Wire } from '../../../src/postgres/wire/wire.ts'
import { ask, connect, say, through, Told } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())
const here = { connectionString: server.url }

test('a thousand exchanges sent at once are answered in order', async () => {
  await using wire = await connect(here)
  const answers = Array.from({ length: 1_000 }, (_, i) => say(wire, 'select $1::int as n', [i]))
  expect(wire.pending).toBe(1_000)
  wire.flush()
  const results = await Promise.all(answers.map((answer) => answer.outcome()))
  expect(results.map(({ rows }) => rows[0]?.['n'])).toEqual(results.map((_, i) => i))
  expect(wire.idle).toBe(true)
})

test('what was said and not sent waits', async () => {
  await using wire = await connect(here)
  const first = say(wire, 'select 1 as n', [])
  const second = say(wire, 'select 2 as n')
  expect(wire.flush()).toBe(true)
  expect(wire.flush()).toBe(true)
  expect([(await first.outcome()).rows, (await second.outcome()).rows]).toEqual([[{ n: 1 }], [{ n: 2 }]])
})

test('an error in the middle of a pipeline leaves its neighbours unharmed', async () => {
  await using wire = await connect(here)
  const before = say(wire, 'select 1 as n', [])
  const divided = say(wire, 'select 1 / $1::int', [0])
  const unparsed = say(wire, 'select from where', [])
  const unbound = say(wire, 'select $1::int as n', ['no number'])
  const miscounted = say(wire, 'select $1::int as n', [])
  const scripted = say(wire, 'select 1; select 1 / 0')
  const after = say(wire, 'select $1::int as n', [2])
  wire.flush()
  expect((await before.outcome()).rows).toEqual([{ n: 1 }])
  await expect(divided.outcome()).rejects.toMatchObject({ code: '22012' })
  await expect(unparsed.outcome()).rejects.toMatchObject({ code: '42601' })
  await expect(unbound.outcome()).rejects.toMatchObject({ code: '22P02' })
  await expect(miscounted.outcome()).rejects.toMatchObject({ code: '08P01' })
  await expect(scripted.outcome()).rejects.toMatchObject({ code: '22012' })
  expect((await after.outcome()).rows).toEqual([{ n: 2 }])
})

test('a value whose conversion throws in the middle of a pipeline leaves nothing of its statement', async () => {
  await using wire = await connect(here)
  const before = say(wire, 'select $1::int as n', [1])
  const mistake = new Error('no text for this')
  const value = {
    toPostgres() {
      throw mistake
    },
  }
  expect(() => say(wire, 'select $1::text as never', [value])).toThrow(mistake)
  const after = say(wire, 'select $1::text as t', ['2'])
  expect(wire.pending).toBe(2)
  wire.flush()
  expect((await before.outcome()).rows).toEqual([{ n: 1 }])
  expect((await after.outcome()).rows).toEqual([{ t: '2' }])
  expect((await ask(wire, 'select $1::text as never', ['then'])).rows).toEqual([{ never: 'then' }])
})

test('a value whose conversion says something on the same connection does not mix with it', async () => {
  await using wire = await connect(here)
  let inner: ReturnType<typeof say> | undefined
  const value = {
    toPostgres() {
      inner = say(wire, 'select $1::text as inner', ['in'])
      return 'out'
    },
  }
  const outer = await ask(wire, 'select $1::text as outer', [value])
  expect(outer.rows).toEqual([{ outer: 'out' }])
  expect((await inner!.outcome()).rows).toEqual([{ inner: 'in' }])
})

test('more values than the protocol counts are a RangeError, and the connection goes on', async () => {
  await using wire = await connect(here)
  const values = Array.from({ length: 65_536 }, () => 1)
  expect(() => say(wire, 'select 1', values)).toThrow(
    new RangeError('values must be at most 65535, got 65536'),
  )
  expect((await ask(wire, 'select 1 as n', [])).rows).toEqual([{ n: 1 }])
})

test('a text with a NUL is a TypeError, short or long', async () => {
  await using wire = await connect(here)
  for (const text of ['select 1 -- \0', `select 1 -- ${'x'.repeat(100)}\0`]) {
    expect(() => say(wire, text)).toThrow(/text must not contain NUL/)
    expect(() => say(wire, text, [])).toThrow(/text must not contain NUL/)
  }
  expect(() => say(wire, 'select 1', [], { name: 'a\0b' })).toThrow(/name must not contain NUL/)
  await expect(ask(wire, 'select $1::text', ['a\0b'])).rejects.toMatchObject({ code: '22021' })
  expect((await ask(wire, 'select 1 as n')).rows).toEqual([{ n: 1 }])
})

test.for([{ values: undefined }, { values: [] }])(
  'a COPY FROM STDIN without data is refused and the connection goes on: $values',
  async ({ values }) => {
    await using wire = await connect(here)
    await ask(wire, 'create temp table copied (n int)')
    const copy = say(wire, 'copy copied from stdin', values)
    wire.flush()
    const behind = say(wire, 'select 1 as n', [])
    await expect(copy.outcome()).rejects.toThrow('there is no data: use copyFrom')
    wire.flush()
    expect((await behind.outcome()).rows).toEqual([{ n: 1 }])
    expect((await ask(wire, 'select count(*)::int as n from copied')).rows).toEqual([{ n: 0 }])
  },
)

test('statements sent behind a COPY FROM STDIN fail with the connection: their answers could be mixed up', async () => {
  const wire = await connect(here)
  await ask(wire, 'create temp table copied (n int)')
  const copy = say(wire, 'copy copied from stdin', [])
  const behind = [1, 2, 3].map((n) => say(wire, 'select $1::int as n', [n]))
  wire.flush()
  await expect(copy.outcome()).rejects.toThrow('there is no data: use copyFrom')
  for (const answer of behind)
    await expect(answer.outcome()).rejects.toThrow(/COPY took the statements behind/)
  expect(wire.lostBy?.error).toMatchObject({ code: 'CONNECTIONS_PROTOCOL' })
})

test('a COPY TO STDOUT gives its count and no rows', async () => {
  await using wire = await connect(here)
  const text = 'copy (select generate_series(1, 1000)) to stdout'
  expect(await ask(wire, text)).toMatchObject({ rows: [], rowCount: 1_000, command: 'COPY' })
  expect(await ask(wire, text, [])).toMatchObject({ rows: [], rowCount: 1_000, command: 'COPY' })
  expect((await ask(wire, 'select 1 as n', [])).rows).toEqual([{ n: 1 }])
})

test('a storm of notices reaches the listener, and what it throws harms nothing', async () => {
  let heard = 0
  const onNotice = (): void => {
    heard++
    throw new Error('too much')
  }
  await using wire = await connect({ ...here, onNotice })
  const text = `do $$ begin for i in 1 .. 10000 loop raise notice 'the %th', i; end loop; end $$`
  expect(await ask(wire, text)).toMatchObject({ command: 'DO' })
  expect(heard).toBe(10_000)
})

test('a prelude runs in the same transaction, and its own outcome does not show', async () => {
  await using wire = await connect(here)
  const prelude = wire.prepared.of(`select set_config('search_path', 'elsewhere', true), 'two columns'`)!
  const text = `select current_setting('search_path') as path, $1::int as n`
  for (const n of [1, 2]) {
    const led = new Told()
    wire.run(led, text, [n], wire.prepared.of(text), prelude)
    wire.flush()
    expect((await led.outcome()).rows).toEqual([{ path: 'elsewhere', n }])
    expect(led.tags).toEqual(['SELECT 1'])
  }
  const { rows } = await ask(wire, `select current_setting('search_path') as path`)
  expect(rows[0]?.['path']).not.toBe('elsewhere')
})

test('what is pending when a backend is terminated is told once, with what the server said', async () => {
  await using other = await connect(here)
  const wire = await connect(here)
  let lost = 0
  wire.onLost = () => lost++
  const answers = [say(wire, 'select pg_sleep(60)', []), say(wire, 'select 1', []), say(wire, 'select 2')]
  wire.flush()
  await ask(other, 'select pg_terminate_backend($1)', [wire.processId])
  for (const answer of answers) {
    await expect(answer.outcome()).rejects.toMatchObject({ code: '57P01', severity: 'FATAL' })
    expect(answer.times).toBe(1)
  }
  expect(lost).toBe(1)
  expect(() => say(wire, 'select 1')).toThrow(/terminating connection/)
  await wire.end()
})

test('an idle connection whose backend is terminated knows why it was lost', async () => {
  await using other = await connect(here)
  const wire = await connect(here)
  const lost = new Promise<void>((resolve) => {
    wire.onLost = resolve
  })
  await ask(other, 'select pg_terminate_backend($1)', [wire.processId])
  await lost
  expect(wire.lostBy?.error).toMatchObject({ code: '57P01' })
})

test('answers survive any cut of the stream into packets', async () => {
  await using proxy = await startProxy({ port: server.port, host: server.host })
  await using wire = await connect(through(server, proxy))
  proxy.delay(1)
  const answers = Array.from({ length: 50 }, (_, i) => say(wire, `select repeat('ä', $1) as t`, [i * 100]))
  wire.flush()
  const results = await Promise.all(answers.map((answer) => answer.outcome()))
  expect(results.map(({ rows }) => String(rows[0]!['t']).length)).toEqual(results.map((_, i) => i * 100))
})

test('an abort before it is connected refuses', async () => {
  const aborted = AbortSignal.abort(new Error('changed my mind'))
  await expect(Wire.connect('test', checkOptions(here), aborted)).rejects.toMatchObject({
    code: 'CONNECTIONS_REFUSED',
    message: 'changed my mind',
  })
})
