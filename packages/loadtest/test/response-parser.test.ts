import { expect, test } from 'vitest'
import { ResponseParser } from '../src/response-parser.ts'
import { seededRandom } from './seeded-random.ts'

interface Case {
  readonly text: string
  readonly status: number
  readonly body?: string
  readonly closes?: boolean
  readonly isHead?: boolean
}

const whole: Record<string, Case> = {
  'a content length': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    status: 200,
    body: 'hello',
  },
  'a length of zero': { text: 'HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n', status: 200 },
  'the same length twice': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    status: 200,
    body: 'x',
  },
  chunks: {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;name="v"\r\n0123456789\r\n0\r\n\r\n',
    status: 200,
    body: 'hello0123456789',
  },
  'chunks with trailers': {
    text: 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n3 \r\nabc\r\n00\r\nDigest: x\r\nA: b\r\n\r\n',
    status: 200,
    body: 'abc',
  },
  'no body with 204': { text: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204 },
  'no body with 304': { text: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n', status: 304 },
  'no body for HEAD': { text: 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', status: 200, isHead: true },
  'no body for HEAD, chunked': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    status: 200,
    isHead: true,
  },
  'interim responses': {
    text:
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n' +
      'HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok',
    status: 201,
    body: 'ok',
  },
  'no reason': { text: 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', status: 200, body: 'ok' },
  'lone line feeds': { text: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', status: 200, body: 'ok' },
  'blanks around a value': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length:\t 2 \t\r\n\r\nok',
    status: 200,
    body: 'ok',
  },
  'Connection: close': {
    text: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
    status: 200,
    body: 'ok',
    closes: true,
  },
  'close among other options': {
    text: 'HTTP/1.1 200 OK\r\nConnection: foo,  CLOSE\r\nContent-Length: 2\r\n\r\nok',
    status: 200,
    body: 'ok',
    closes: true,
  },
  'HTTP/1.0': {
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    status: 200,
    body: 'ok',
    closes: true,
  },
  'HTTP/1.0 kept alive': {
    text: 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok',
    status: 200,
    body: 'ok',
  },
}

const untilClose: Record<string, string> = {
  'no length': 'HTTP/1.1 200 OK\r\n\r\nhello',
  'an encoding that is not chunked at last':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nhello',
  'an encoding that only sounds chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello',
}

const malformed: Record<string, string> = {
  'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n',
  'another version': 'HTTP/2.0 200 OK\r\n',
  'a status of letters': 'HTTP/1.1 2oo OK\r\n',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\n',
  'a status below 100': 'HTTP/1.1 099 Odd\r\n',
  'a header without colon': 'HTTP/1.1 200 OK\r\nContent-Length 5\r\n',
  'a header without name': 'HTTP/1.1 200 OK\r\n: 5\r\n',
  'a blank before the colon': 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n',
  'a folded header': 'HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n',
  'an empty length': 'HTTP/1.1 200 OK\r\nContent-Length: \r\n',
  'a negative length': 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n',
  'a hexadecimal length': 'HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n',
  'a length past any number': 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n',
  'a length and an encoding': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'a switch of protocols': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
  'bytes after the end': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n',
  'bytes after HEAD': 'HTTP/1.1 204 No Content\r\n\r\nx',
  'an empty chunk size': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n',
  'a chunk size of letters': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
  'a chunk size past any number': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n',
  'a chunk longer than its size': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n',
}

test.for(Object.entries(whole))('%s: whole however it is split', ([, expected]) => {
  const { text, status, body = '', closes = false, isHead = false } = expected
  for (const reads of allSplits(text)) {
    const parser = new ResponseParser(65_536, 65_536)
    parser.begin(isHead)
    const verdicts = reads.map((read) => push(parser, read))
    expect(verdicts, JSON.stringify(reads)).toEqual([...reads.slice(1).map(() => 'more'), 'done'])
    expect([parser.status, parser.body.toString(), parser.keepAlive]).toEqual([status, body, !closes])
    expect(parser.bodyBytes).toBe(body.length)
  }
})

test.for(Object.entries(untilClose))('%s: whole when the connection closes', ([, text]) => {
  for (const reads of allSplits(text)) {
    const parser = new ResponseParser(65_536, 65_536)
    parser.begin(false)
    for (const read of reads) expect(push(parser, read)).toBe('more')
    expect([parser.end(), parser.body.toString(), parser.keepAlive]).toEqual(['done', 'hello', false])
  }
})

test.for(Object.entries(malformed))('%s: malformed however it is split', ([, text]) => {
  for (const reads of allSplits(text)) {
    const parser = new ResponseParser(65_536)
    parser.begin(false)
    // Only bytes that come with the response itself can be told from the start of the next.
    const verdicts = reads.map((read) => push(parser, read))
    expect(verdicts, JSON.stringify(reads)).toContain('malformed')
    expect(parser.fault).not.toBe('')
  }
})

test('a response that the connection cut short is not whole', () => {
  for (const { text, isHead = false } of Object.values(whole)) {
    for (let length = 0; length < text.length; length++) {
      const parser = new ResponseParser(65_536)
      parser.begin(isHead)
      if (length > 0) push(parser, text.slice(0, length))
      expect(parser.end()).toBe('more')
    }
  }
})

test('a head is read up to its limit, in one read or byte by byte', () => {
  for (const step of [1, 1000, 1e6]) {
    for (const [bytes, verdict] of [
      [5000, 'done'],
      [5001, 'malformed'],
    ] as const) {
      const parser = new ResponseParser(5000)
      parser.begin(false)
      expect(inSteps(headOf(bytes), step).map((read) => push(parser, read))).toContain(verdict)
    }
  }
})

test('headers without end and trailers without end are malformed', () => {
  for (const start of ['', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n']) {
    const parser = new ResponseParser(4096)
    parser.begin(false)
    push(parser, start === '' ? 'HTTP/1.1 200 OK\r\n' : start)
    const verdicts = Array.from({ length: 500 }, () => push(parser, 'Name: value\r\n'))
    expect(verdicts).toContain('malformed')
  }
})

test('a parser reads one response after another, also after a malformed one', () => {
  const parser = new ResponseParser(65_536)
  for (const { text, status, isHead = false } of Object.values(whole)) {
    parser.begin(false)
    for (const read of ['HTTP/1.1 200 OK\r\nConn', 'ection: close\r\nbroken\r\n']) push(parser, read)
    expect(parser.fault).not.toBe('')
    parser.begin(isHead)
    expect([push(parser, text), parser.status, parser.fault]).toEqual(['done', status, ''])
  }
})

test('headers and body are kept only when asked for, the body up to a limit', () => {
  const text = 'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 10\r\n\r\n0123456789'
  const keeping = new ResponseParser(65_536, 4)
  keeping.begin(false)
  for (const read of inSteps(text, 3)) push(keeping, read)
  expect(keeping.headers).toEqual({ 'set-cookie': 'a, b', 'content-length': '10' })
  expect([keeping.body.toString(), keeping.bodyBytes]).toEqual(['0123', 10])

  const discarding = new ResponseParser(65_536)
  discarding.begin(false)
  push(discarding, text)
  expect([discarding.headers, discarding.body.length, discarding.bodyBytes]).toEqual([{}, 0, 10])
})

test('a header may be called like a member of Object', () => {
  const parser = new ResponseParser(65_536, 4)
  parser.begin(false)
  push(parser, 'HTTP/1.1 204 No Content\r\nconstructor: 1\r\n__proto__: 2\r\n\r\n')
  expect(Object.entries(parser.headers)).toEqual([
    ['constructor', '1'],
    ['__proto__', '2'],
  ])
})

test('random chunked bodies in random reads come out as they went in', () => {
  const random = seededRandom(Number(process.env['SEED'] ?? Date.now()))
  const upTo = (limit: number) => Math.floor(random() * limit)
  for (let round = 0; round < 300; round++) {
    let body = ''
    let text = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    for (let chunks = upTo(10); chunks > 0; chunks--) {
      const chunk = Array.from({ length: 1 + upTo(500) }, () => String.fromCharCode(upTo(256))).join('')
      text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
      body += chunk
    }
    text += '0\r\n\r\n'
    const parser = new ResponseParser(65_536, 65_536)
    parser.begin(false)
    let verdict
    for (let at = 0; at < text.length;) {
      const end = Math.min(at + 1 + upTo(200), text.length)
      verdict = push(parser, text.slice(at, end))
      expect(verdict).toBe(end < text.length ? 'more' : 'done')
      at = end
    }
    expect(parser.body.toString('latin1')).toBe(body)
  }
})

// Beyond the read stand bytes of an earlier one, as in the buffer that a connection reads into.
const reused = Buffer.alloc(16_384)

function push(parser: ResponseParser, read: string) {
  reused.fill('\r\n0')
  return parser.push(reused, reused.write(read, 'latin1'))
}

function headOf(bytes: number): string {
  const filled = 'HTTP/1.1 204 No Content\r\nA: \r\n\r\n'.length
  return `HTTP/1.1 204 No Content\r\nA: ${'x'.repeat(bytes - filled)}\r\n\r\n`
}

function allSplits(text: string): string[][] {
  const splits = [[text], inSteps(text, 1), inSteps(text, 7)]
  for (let at = 1; at < text.length; at++) splits.push([text.slice(0, at), text.slice(at)])
  return splits
}

function inSteps(text: string, step: number): string[] {
  return Array.from({ length: Math.ceil(text.length / step) }, (_, i) => text.slice(i * step, (i + 1) * step))
}
