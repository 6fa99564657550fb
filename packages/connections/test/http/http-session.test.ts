import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, expectTypeOf, test } from 'vitest'
import { getHttpSession, type HttpResponse, type HttpStreamResponse } from '../../src/http.ts'
import { serve, type Listener } from './server.ts'

const echo: Listener = async (request, response) => {
  const { method, url, headers } = request
  const body = await text(request)
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ method, url, headers, body }))
}

interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

test('each verb sends its method to a path of the origin', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin)
  const responses = [
    await session.get('/places/1'),
    await session.post('/places/1'),
    await session.put('/places/1'),
    await session.patch('/places/1'),
    await session.delete('/places/1'),
    await session.request('/places/1', { method: 'OPTIONS' }),
  ]
  const sent = responses.map((response) => response.json<Echo>())
  expect(sent.map(({ method }) => method)).toEqual(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
  expect(new Set(sent.map(({ url }) => url))).toEqual(new Set(['/places/1']))
})

test('json becomes a body with its content type', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin)
  const sent = (await session.post('/', { json: { name: 'Ærø' } })).json<Echo>()
  expect(sent.body).toBe('{"name":"Ærø"}')
  expect(sent.headers['content-type']).toBe('application/json')
})

test('json that is no JSON is refused', async () => {
  await using session = getHttpSession('http://localhost:1')
  await expect(session.post('/', { json: () => 1 })).rejects.toThrow(TypeError)
  await expect(session.post('/', { json: Symbol('x') })).rejects.toThrow('got Symbol(x)')
})

test('a query is added to the one in the url, without what is undefined', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin)
  const response = await session.get('/ask?a=1', {
    query: { q: 'x y', tag: ['m', 'n'], none: undefined, n: 3 },
  })
  expect(response.json<Echo>().url).toBe('/ask?a=1&q=x+y&tag=m&tag=n&n=3')
})

test('headers of a request win over those of the session, whatever their case', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin, { headers: { Authorization: 'a', 'x-app': 'code' } })
  const { headers } = (await session.get('/', { headers: { authorization: 'b' } })).json<Echo>()
  expect(headers).toMatchObject({ authorization: 'b', 'x-app': 'code' })
})

test('a status outside 200 to 299 is an answer, not an error', async () => {
  await using server = await serve((_, response) => void response.writeHead(503).end('later'))
  await using session = getHttpSession(server.origin)
  const response = await session.get('/')
  expect(response.ok).toBe(false)
  expect(response.status).toBe(503)
  expect(response.text()).toBe('later')
})

test('a body reads as text without its byte order mark, as bytes, and as JSON or a typed error', async () => {
  await using server = await serve((_, response) => void response.end('\uFEFFplain text'))
  await using session = getHttpSession(server.origin)
  const response = await session.get('/')
  expect(response.text()).toBe('plain text')
  expect(Buffer.from(response.bytes()).toString('hex')).toBe(Buffer.from('\uFEFFplain text').toString('hex'))
  expect(() => response.json()).toThrow(
    expect.objectContaining({ code: 'CONNECTIONS_BODY_INVALID', cause: expect.any(SyntaxError) }),
  )
})

test('requests one after the other share a connection', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin, { maxConnections: 1 })
  for (let i = 0; i < 20; i++) await session.get('/')
  expect(server.accepted()).toBe(1)
  expect(session.stats()).toMatchObject({ requests: 20, retries: 0, size: 1, inUse: 0, waiting: 0 })
})

test('no more connections are opened than maxConnections; the other requests wait', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin, { maxConnections: 3 })
  const responses = await Promise.all(Array.from({ length: 30 }, () => session.get('/')))
  expect(responses.every(({ ok }) => ok)).toBe(true)
  expect(server.accepted()).toBe(3)
})

test('closing one handle leaves the connections to the other, and the last one closes them', async () => {
  await using server = await serve(echo)
  const first = getHttpSession(server.origin, { maxConnections: 1 })
  const second = getHttpSession(new URL(server.origin), { maxConnections: 1 })
  await first.get('/')
  expect(await first.close()).toMatchObject({ closed: true, holders: [] })
  await expect(first.get('/')).rejects.toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  expect((await second.get('/')).ok).toBe(true)
  expect(server.accepted()).toBe(1)
  await second.close()
  await server.empty()
})

test('handles with other connection options have connections of their own', async () => {
  await using server = await serve(echo)
  await using first = getHttpSession(server.origin)
  await using second = getHttpSession(server.origin, { maxConnections: 1 })
  await Promise.all([first.get('/'), second.get('/')])
  expect(server.accepted()).toBe(2)
})

test('a close waits for the requests in flight', async () => {
  let answer: (() => void) | undefined
  const arrived = Promise.withResolvers<void>()
  await using server = await serve((_, response) => {
    answer = () => void response.end('done')
    arrived.resolve()
  })
  const session = getHttpSession(server.origin)
  const request = session.get('/')
  await arrived.promise
  const closing = session.close()
  answer?.()
  expect((await request).text()).toBe('done')
  expect(await closing).toMatchObject({ closed: true, holders: [] })
})

test('a close names the requests that outlast its deadline and aborts them', async () => {
  const arrived = Promise.withResolvers<void>()
  await using server = await serve(() => arrived.resolve())
  const session = getHttpSession(server.origin)
  const request = session.get('/slow').catch((error: unknown) => error)
  await arrived.promise
  const report = await session.close({ deadlineMs: 50 })
  expect(report.closed).toBe(false)
  expect(report.holders).toMatchObject([{ label: `GET ${server.origin}/slow`, heldMs: expect.any(Number) }])
  expect(await request).toMatchObject({ code: 'CONNECTIONS_CLOSED' })
  await server.empty()
  expect(await session.close()).toBe(report)
})

test('a session without an origin takes any url', async () => {
  await using one = await serve(echo)
  await using two = await serve(echo)
  await using session = getHttpSession()
  expect((await session.get(`${one.origin}/a`)).ok).toBe(true)
  expect((await session.get(new URL('/b', two.origin))).ok).toBe(true)
  await expect(session.get('/c')).rejects.toThrow(TypeError)
})

test('a session keeps its headers from other origins', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin, { headers: { authorization: 'secret' } })
  await expect(session.get('http://127.0.0.1:1/')).rejects.toThrow(`this session is for ${server.origin}`)
  await expect(session.get('//127.0.0.1:1/')).rejects.toThrow(TypeError)
})

test('a stream hands the body over as it arrives', async () => {
  await using server = await serve((_, response) => {
    response.write('first')
    response.on('close', () => {})
    setImmediate(() => void response.end(' second'))
  })
  await using session = getHttpSession(server.origin)
  const response = await session.get('/', { stream: true })
  expectTypeOf(response).toEqualTypeOf<HttpStreamResponse>()
  expect(response.ok).toBe(true)
  expect(await text(response.body)).toBe('first second')
})

test('a stream that nobody reads stops its server', async () => {
  let written = 0
  await using server = await serve((_, response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (written < 1024 && response.write(chunk)) written++
      if (written++ < 1024) response.once('drain', more)
    }
    more()
  })
  await using session = getHttpSession(server.origin)
  const { body } = await session.get('/', { stream: true })
  await once(body, 'readable')
  const before = body.readableLength
  expect(before).toBeLessThan(1024 * 1024)
  body.destroy()
  await server.empty()
  expect(written).toBeLessThan(1024)
})

test('the response type follows from the option', async () => {
  await using server = await serve(echo)
  await using session = getHttpSession(server.origin)
  expectTypeOf(await session.get('/')).toEqualTypeOf<HttpResponse>()
  expectTypeOf(await session.post('/', { json: 1 })).toEqualTypeOf<HttpResponse>()
  // @ts-expect-error a GET carries no body
  await session.get('/', { body: 'x' })
})

test('mistakes of the caller are refused at once', async () => {
  expect(() => getHttpSession('ftp://127.0.0.1')).toThrow(TypeError)
  expect(() => getHttpSession('http://127.0.0.1/path')).toThrow('origin must be a scheme, a host and a port')
  expect(() => getHttpSession('http://127.0.0.1', { maxConnections: 0 })).toThrow(
    'maxConnections must be an integer from 1, got 0',
  )
  expect(() => getHttpSession('http://127.0.0.1', { timeoutMs: Infinity })).toThrow(RangeError)
  await using session = getHttpSession('http://127.0.0.1:1')
  await expect(session.post('/', { json: 1, body: 'x' })).rejects.toThrow('json or body, not both')
  await expect(session.get('/', { headers: { 'bad name': 'x' } })).rejects.toThrow(TypeError)
  await expect(session.get('/', { timeoutMs: 0 })).rejects.toThrow(RangeError)
})
