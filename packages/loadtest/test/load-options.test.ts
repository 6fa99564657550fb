import { expect, test } from 'vitest'
import { LoadTester, LoadTestError } from '../src/index.ts'
import type { LoadTesterOptions } from '../src/index.ts'
import { loadSettings } from '../src/load-options.ts'

const right = { targetUrl: 'http://localhost:3000/ask?q=1', durationSeconds: 1 }

test('what is not given has its default', () => {
  expect(loadSettings(right)).toMatchObject({
    host: 'localhost',
    port: 3000,
    concurrentUsers: 10,
    warmupSeconds: 0,
    maxRequests: Infinity,
    timeoutMs: 10_000,
    thinkTimeMs: 0,
  })
  expect(loadSettings(right).openSource().next()?.bytes.toString()).toBe(
    'GET /ask?q=1 HTTP/1.1\r\nHost: localhost:3000\r\n\r\n',
  )
})

test('a target may be a URL object, an IPv6 address, and need no port', () => {
  expect(loadSettings({ ...right, targetUrl: new URL('http://[::1]/') })).toMatchObject({
    host: '::1',
    port: 80,
  })
})

test('a target that is no http URL is refused', () => {
  for (const targetUrl of [
    'localhost',
    '',
    'ftp://x/',
    'localhost:3000',
    'http://user:pw@x/',
    undefined as never,
  ]) {
    expect(() => new LoadTester({ ...right, targetUrl }), targetUrl).toThrow(TypeError)
  }
})

test('an https target is refused as not supported', () => {
  let refusal: unknown
  try {
    refusal = new LoadTester({ ...right, targetUrl: 'https://localhost/' })
  } catch (error) {
    refusal = error
  }
  expect(refusal).toBeInstanceOf(LoadTestError)
  expect(refusal).toMatchObject({
    code: 'LOADTEST_UNSUPPORTED',
    message: 'https://localhost/ needs TLS, which is not supported: use http:',
  })
})

test.for([
  [{ concurrentUsers: 0 }, 'concurrentUsers must be an integer from 1, got 0'],
  [{ concurrentUsers: 1.5 }, 'concurrentUsers must be an integer from 1, got 1.5'],
  [{ durationSeconds: 0 }, 'durationSeconds must be seconds from 0.001 to 2147483, got 0'],
  [{ durationSeconds: Infinity }, 'durationSeconds must be seconds from 0.001 to 2147483, got Infinity'],
  [
    { durationSeconds: undefined as never },
    'durationSeconds must be seconds from 0.001 to 2147483, got undefined',
  ],
  [{ warmupSeconds: -1 }, 'warmupSeconds must be seconds from 0 to 2147483, got -1'],
  [{ durationSeconds: '0.2' as never }, "durationSeconds must be seconds from 0.001 to 2147483, got '0.2'"],
  [{ timeoutMs: '9' as never }, "timeoutMs must be milliseconds from 1 to 2147483647, got '9'"],
  [{ maxRequests: 0 }, 'maxRequests must be an integer from 1, got 0'],
  [{ timeoutMs: 0 }, 'timeoutMs must be milliseconds from 1 to 2147483647, got 0'],
  [{ thinkTimeMs: NaN }, 'thinkTimeMs must be milliseconds from 0 to 2147483647, got NaN'],
  [{ maxHeaderBytes: 1 }, 'maxHeaderBytes must be an integer from 1024, got 1'],
  [{ maxCheckedBytes: -1 }, 'maxCheckedBytes must be an integer from 0, got -1'],
  [{ thresholds: { errorRatio: -1 } }, 'thresholds.errorRatio must be a number from 0, got -1'],
] satisfies [Partial<LoadTesterOptions>, string][])('%j is refused', ([wrong, message]) => {
  expect(() => new LoadTester({ ...right, ...wrong })).toThrow(new RangeError(message))
})

test('an unknown threshold and what should be a function are refused', () => {
  expect(() => new LoadTester({ ...right, thresholds: { p42: 1 } as never })).toThrow(
    /^thresholds.p42 is unknown/,
  )
  expect(() => new LoadTester({ ...right, check: 1 as never })).toThrow('check must be a function, got 1')
  expect(() => new LoadTester({ ...right, requests: {} as never })).toThrow(
    'requests must be an iterable or a function, got [object Object]',
  )
  // @ts-expect-error an async check could not be waited for
  expect(new LoadTester({ ...right, check: async () => true })).toBeInstanceOf(LoadTester)
})
