import { expect, test } from 'vitest'
import { encodeRequest, requestSource } from '../src/load-request.ts'
import type { LoadRequest } from '../src/load-request.ts'

const isRepeatable = (request: Partial<LoadRequest>) =>
  encodeRequest({ path: '/', ...request }, 'here').isRepeatable
const text = (request: LoadRequest) => encodeRequest(request, 'here:80').bytes.toString('latin1')

test('a path alone is a GET', () => {
  expect(text({ path: '/a?b=c' })).toBe('GET /a?b=c HTTP/1.1\r\nHost: here:80\r\n\r\n')
})

test('headers and body are sent as given, with the length of the body in bytes', () => {
  const request = { path: '/', method: 'POST', headers: { 'X-A': 'b', Host: 'there' } }
  expect(text({ ...request, body: 'é' })).toBe(
    'POST / HTTP/1.1\r\nX-A: b\r\nHost: there\r\nContent-Length: 2\r\n\r\n\xc3\xa9',
  )
  expect(text({ ...request, body: new Uint8Array([65, 66, 67]) })).toMatch(/Content-Length: 3\r\n\r\nABC$/)
  expect(text({ path: '/', method: 'PUT' })).toContain('Content-Length: 0\r\n')
  expect(text({ path: '/', method: 'DELETE' })).not.toContain('Content-Length')
})

test('a request knows what its response needs to be read', () => {
  expect(encodeRequest({ path: '/', method: 'HEAD' }, 'here').isHead).toBe(true)
  expect(encodeRequest({ path: '/', headers: { connection: 'Close' } }, 'here').close).toBe(true)
  expect(encodeRequest({ path: '/', headers: { connection: 'disclosed' } }, 'here').close).toBe(false)
})

test('idempotent requests without a body may be sent again', () => {
  expect([isRepeatable({}), isRepeatable({ method: 'DELETE' })]).toEqual([true, true])
  expect([isRepeatable({ method: 'POST' }), isRepeatable({ method: 'PUT', body: 'x' })]).toEqual([
    false,
    false,
  ])
})

test('what would break the request apart is refused', () => {
  for (const path of ['', 'a', '/a b', '/a\r\nX: y', '/é', '/a#b', undefined as unknown as string]) {
    expect(() => text({ path }), path).toThrow(/^path must start with \/ and be percent-encoded, got /)
  }
  for (const method of ['', 'GET /', 'CONNECT']) expect(() => text({ path: '/', method })).toThrow(TypeError)
  const wrong: Record<string, string>[] = [
    { 'a b': 'c' },
    { a: 'b\r\nc' },
    { a: 'b\0' },
    { a: '€' },
    { '': '' },
  ]
  for (const headers of [...wrong, { 'content-length': '1' }, { 'Transfer-Encoding': 'chunked' }]) {
    expect(() => text({ path: '/', headers })).toThrow(TypeError)
  }
})

test('an array is drawn again and again, from its start in each run', () => {
  const open = requestSource([{ path: '/1' }, { path: '/2' }], 'here')
  for (const source of [open(), open()]) {
    expect([1, 2, 3].map(() => source.next()?.request.path)).toEqual(['/1', '/2', '/1'])
  }
})

test('another iterable is drawn once and told when it is not drawn to its end', () => {
  let isClosed = false
  function* paths() {
    try {
      yield { path: '/1' }
      yield { path: '/2' }
    } finally {
      isClosed = true
    }
  }
  const source = requestSource(paths(), 'here')()
  expect(source.next()?.request.path).toBe('/1')
  source.close()
  expect([isClosed, source.next()]).toEqual([true, undefined])
})

test('requests that are none are refused', () => {
  expect(() => requestSource([], 'here')).toThrow(
    new RangeError('requests must hold at least one request, got none'),
  )
  expect(() => requestSource([{ path: '/' }, { path: 'x' }], 'here')).toThrow(TypeError)
  expect(() => requestSource(5 as never, 'here')).toThrow(TypeError)
})
