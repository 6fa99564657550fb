import { expect, test } from 'vitest'
import { readFormat, readQuestion } from '../src/question.ts'

const read = (query: string): unknown => readQuestion(new URLSearchParams(query))

test('a question is trimmed and otherwise taken as it is', () => {
  expect(read('expert=places&q=%20San%20Fran%20')).toEqual({ expert: 'places', text: 'San Fran' })
  for (const text of [`O'Fallon`, '100%', '\\', '"a"', '🏙️', `'; drop table places; --`]) {
    expect(read(`expert=places&q=${encodeURIComponent(text)}`)).toEqual({ expert: 'places', text })
  }
})

test.each([
  ['expert=places', 400, 'q is missing'],
  ['expert=places&q=', 400, 'q must hold a question, got nothing'],
  ['expert=places&q=%20%09', 400, 'q must hold a question, got nothing'],
  ['expert=places&q=a&q=b', 400, 'q is there 2 times'],
  [`expert=places&q=${'x'.repeat(10_240)}`, 400, 'q must have at most 200 characters, got 10240'],
  ['expert=places&q=a%00b', 400, String.raw`q must be text without NUL, got "a\u0000b"`],
  ['q=a', 400, 'expert is missing'],
  ['expert=weather&q=a', 404, 'expert must be one of places, got "weather"'],
])('%s is a problem', (query, status, detail) => {
  expect(() => read(query)).toThrow(expect.objectContaining({ status, message: detail }))
})

test('the format is JSON unless another is asked for', () => {
  expect(readFormat(new URLSearchParams('q=a'))).toBe('json')
  expect(readFormat(new URLSearchParams('q=a&format=xlsx'))).toBe('xlsx')
  expect(() => readFormat(new URLSearchParams('format=csv'))).toThrow(
    expect.objectContaining({ status: 406, message: 'format must be one of json, xlsx, got "csv"' }),
  )
})
