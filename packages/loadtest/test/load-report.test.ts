import { expect, test } from 'vitest'
import { formatReport } from '../src/index.ts'
import { Ledger } from '../src/ledger.ts'

const facts = {
  targetUrl: 'http://localhost:3000/',
  concurrentUsers: 50,
  durationSeconds: 2,
  connectionsOpened: 51,
  partial: false,
  thresholds: { p95ResponseTimeMs: 100, minRps: 1 },
}

test('a report reads as a table', () => {
  const ledger = new Ledger()
  ledger.bytes = 1_234_567
  for (let ms = 1; ms <= 1234; ms++) {
    ledger.response(200)
    ledger.success(ms / 10, true)
  }
  ledger.response(503)
  ledger.failure('status5xx', '503 for GET /')
  ledger.failure('timeout', 'no whole response within 10000 ms')
  expect(formatReport(ledger.report(facts))).toBe(
    `
target           http://localhost:3000/, 50 users (closed model), 2 s
requests         1,236, 1,234 succeeded, 617 per second
response         avg 61.8  p50 61.8  p95 118  p99 122  p99.9 123  max 123 ms
statuses         200 1,234, 503 1
errors           timeout 1, status5xx 1 (0.16 %)
received         1.23 MB over 51 connections
first status5xx  503 for GET /
first timeout    no whole response within 10000 ms
missed           p95ResponseTimeMs 117.5, the threshold is 100
result           failed
    `.trim(),
  )
})

test('a report without any success says so', () => {
  const report = new Ledger().report({ ...facts, partial: true })
  expect(formatReport(report)).toContain('avg -  p50 -')
  expect(formatReport(report)).toContain('missed    p95ResponseTimeMs -, the threshold is 100')
  expect(formatReport(report)).toContain('result    failed, aborted before its end')
})
