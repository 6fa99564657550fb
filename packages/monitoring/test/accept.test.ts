import { expect, test } from 'vitest'
import { prefersOpenMetrics } from '../src/accept.ts'

test.each([
  undefined,
  '',
  '*/*',
  'text/plain',
  'text/plain;version=0.0.4',
  'application/openmetrics-text;version=0.0.1',
  'application/openmetrics-text;q=0',
  'application/openmetrics-text;q=much',
  'application/openmetrics-text;q=0.3, text/plain;q=0.5',
  'application/openmetrics-textual',
])('%j gets plain text', (accept) => {
  expect(prefersOpenMetrics(accept)).toBe(false)
})

test.each([
  'application/openmetrics-text',
  'Application/OpenMetrics-Text; Version="1.0.0"; charset=utf-8',
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
  'text/plain;q=0.2, application/openmetrics-text;q=0.2',
])('%j gets OpenMetrics', (accept) => {
  expect(prefersOpenMetrics(accept)).toBe(true)
})
