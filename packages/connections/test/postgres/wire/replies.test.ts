import { once } from 'node:events'
import { startPostgres, startProxy } from '@code/testkit'
import { afterAll, expect, test } from 'vitest'
import { MessageReader } from '../../../src/postgres/wire/message-reader.ts'
import { Replies } from '../../../src/postgres/wire/replies.ts'
import { ask, connect, say, seeded, through, Told } from './conversation.ts'

const server = await startPostgres()
afterAll(() => server.close())

function message(code: string, body: string): Buffer {
  const head = Buffer.from(`${code}    `)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, Buffer.from(body, 'latin1')])
}

const ready = message('Z', 'I')
const complete = message('C', 'SELECT 1\0')

const garbage: readonly (readonly [string, Buffer])[] = [
  ['an unknown code', message('?', 'what')],
  ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a length below its own', Buffer.from([68, 0, 0, 0, 0])],
  ['a length beyond everything', Buffer.from([68, 0xff, 0xff, 0xff, 0xff])],
  ['a long message that is no row', Buffer.from([84, 0x20, 0, 0, 0])],
  ['a row without a description', message('D', '\0\0')],
  ['readiness without an answer', ready],
  ['readiness twice', Buffer.concat([complete, ready, ready])],
  ['readiness in no known state', Buffer.concat([complete, message('Z', '?')])],
  ['readiness without a state', Buffer.concat([complete, message('Z', '')])],
  ['a description that ends early', message('T', '\0\x05a')],
  ['a tag without an end', message('C', 'SELECT 1')],
  ['an error without an end', message('E', 'SERROR')],
  ['a notification without an end', message('A', '\0\0\0\0news')],
  ['a request for a password', message('R', '\0\0\0\x03')],
  ['COPY in both directions', message('W', '\0\0\0')],
]

test.for(garbage)(
  'garbage among the answers, %s, ends the connection with CONNECTIONS_PROTOCOL',
  async ([, bytes]) => {
    await using proxy = await startProxy({ port: server.port, host: server.host })
    const wire = await connect(through(server, proxy))
    await ask(wire, 'select 1', [])
    let lost = 0
    wire.onLost = () => lost++
    const answers = [say(wire, 'select pg_sleep(60)', []), say(wire, 'select 1', []), say(wire, 'select 2')]
    wire.flush()
    proxy.inject(bytes)
    await answers[2]!.over
    await wire.cancel()
    expect(wire.lostBy?.error).toMatchObject({ code: 'CONNECTIONS_PROTOCOL' })
    expect(answers.map(({ times }) => times)).toEqual([1, 1, 1])
    expect(answers[1]!.failure ?? answers[2]!.failure).toEqual(wire.lostBy)
    expect(lost).toBe(1)
    expect(wire.stream.destroyed).toBe(true)
    await wire.end()
  },
)

test.for(garbage)(
  'garbage that nobody asked for, %s, ends the connection with CONNECTIONS_PROTOCOL',
  async ([, bytes]) => {
    await using proxy = await startProxy({ port: server.port, host: server.host })
    const wire = await connect(through(server, proxy))
    const lost = new Promise<void>((resolve) => {
      wire.onLost = resolve
    })
    proxy.inject(bytes)
    await lost
    expect(wire.lostBy?.error).toMatchObject({ code: 'CONNECTIONS_PROTOCOL' })
    await wire.end()
  },
)

test('an end of the session that is only said is one', async () => {
  await using proxy = await startProxy({ port: server.port, host: server.host })
  const wire = await connect(through(server, proxy))
  const answer = say(wire, 'select pg_sleep(60)', [])
  wire.flush()
  const closed = once(wire.stream, 'close')
  proxy.inject(message('E', 'SFATAL\0C57P01\0Mgood night\0\0'))
  await expect(answer.outcome()).rejects.toMatchObject({ message: 'good night', code: '57P01' })
  await wire.cancel()
  await closed
  await wire.end()
})

test('notifications and changed settings come at any time', async () => {
  await using proxy = await startProxy({ port: server.port, host: server.host })
  await using wire = await connect(through(server, proxy))
  const heard: unknown[] = []
  wire.onNotification = (notification) => heard.push(notification)
  const { processId } = wire
  await ask(wire, `listen "ünews"; set application_name = 'another'`)
  await ask(wire, `select pg_notify('ünews', 'first')`, [])
  proxy.inject(message('A', '\0\0\0\x07a\0b\0'))
  await ask(wire, `notify "ünews"`)
  expect(heard).toContainEqual({ channel: 'ünews', payload: 'first', processId })
  expect(heard).toContainEqual({ channel: 'ünews', payload: '', processId })
})

/** What the server really answers to these, and how to expect it. */
async function record(): Promise<{ bytes: Buffer; expect: () => Told[] }> {
  await using wire = await connect({ connectionString: server.url })
  const chunks: Buffer[] = []
  wire.stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const texts: readonly (readonly [string, unknown[]?])[] = [
    [`listen news; notify news, 'now'; do $$ begin raise notice 'hm'; end $$; select 'ä' as t, null as z`],
    ['select $1::int as n, $2::text as t, null as z from generate_series(1, 5)', [-1, 'ß']],
    ['select $1::int as n, $2::text as t, null as z from generate_series(1, 5)', [2, '']],
    ['select 1 / $1::int', [0]],
    ['create temp table copied (n int)'],
    ['insert into copied values ($1)', [1]],
    ['copy copied to stdout'],
    [''],
    [`set application_name = 'recorded'; select * from pg_class limit 3`],
    ['select 1'],
  ]
  const answers = texts.map(([text, values]) => say(wire, text, values))
  wire.flush()
  for (const answer of answers) await answer.over
  const again = (): Told[] =>
    answers.map(({ prepared, isScript }) => {
      const answer = new Told()
      answer.isScript = isScript
      if (prepared !== undefined) answer.prepared = { ...prepared, described: false, shape: undefined }
      return answer
    })
  return { bytes: Buffer.concat(chunks), expect: again }
}

function listenTo(answers: readonly Told[]): { replies: Replies; reader: MessageReader } {
  const replies = new Replies({
    types: undefined,
    onNotice: () => {},
    onNotification: () => {},
    refuseCopy: (answer, why) => answer.fail(new TypeError(why)),
  })
  for (const answer of answers) replies.expect(answer)
  return { replies, reader: new MessageReader(replies, 100_000) }
}

test('however 20,000 recordings are damaged, each answer is told once and nothing but CONNECTIONS_PROTOCOL comes out', async () => {
  const recording = await record()
  const seed = Date.now() | 0
  const random = seeded(seed)
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 20_000; round++) {
    const where = `seed ${seed}, round ${round}`
    const answers = recording.expect()
    const { replies, reader } = listenTo(answers)
    const bytes = round === 0 ? recording.bytes : damaged(recording.bytes, random)
    let outcome = 'no error'
    try {
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + Math.floor(random() * bytes.length)
        reader.push(bytes.subarray(at, end))
        at = end
      }
    } catch (error) {
      outcome = (error as Error).name
      replies.lose(error)
    }
    if (round === 0) {
      expect(replies.pending).toBe(0)
      expect(answers[2]!.result().rows).toHaveLength(5)
    }
    replies.lose(new Error('the end'))
    if (answers.some(({ times }) => times !== 1))
      expect.fail(`${where}: ${answers.map(({ times }) => times).join()}`)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  // An error that nobody asked for, or a fatal one, comes out as the server's own.
  const known = new Set(['no error', 'ConnectionsError', 'error'])
  expect(
    [...outcomes.keys()].filter((name) => !known.has(name)),
    `seed ${seed}`,
  ).toEqual([])
  expect(outcomes.get('ConnectionsError')).toBeGreaterThan(1_000)
})

function damaged(original: Buffer, random: () => number): Buffer {
  const at = (length: number): number => Math.floor(random() * length)
  let bytes = Buffer.from(original)
  for (let times = 1 + at(3); times > 0; times--) {
    const from = at(bytes.length)
    const to = Math.min(bytes.length, from + 1 + at(40))
    const part = bytes.subarray(from, to)
    const noise = Buffer.from(Array.from({ length: 1 + at(8) }, () => at(256)))
    switch (at(7)) {
      case 0:
        bytes[from] = at(256)
        break
      case 1:
        bytes[from] = bytes[from]! ^ (1 << at(8))
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, from), noise, bytes.subarray(from)])
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, to), part, bytes.subarray(to)])
        break
      case 5:
        bytes = bytes.subarray(0, Math.max(1, from))
        break
      default:
        if (from + 4 <= bytes.length) bytes.writeUInt32BE(Math.floor(2 ** (32 * random())) - 1, from)
    }
  }
  return bytes
}
