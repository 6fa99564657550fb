import { expect, test } from 'vitest'
import { findPlacesValues, placeKey, placesUrl } from '../src/places.ts'

test('a name is found without case, accents and doubled spaces', () => {
  expect(placeKey('São  Paulo')).toBe('sao paulo')
  expect(placeKey(' ZÜRICH ')).toBe('zurich')
  expect(placeKey('東京')).toBe('東京')
})

test('a question of nothing but accents has an empty range', () => {
  expect(findPlacesValues('\u0301')).toEqual(['', ''])
})

test('the database is asked for one plan for all questions, beside what its URL asks for already', () => {
  const none = new URL(placesUrl('postgres://a:b@localhost:5432/c'))
  expect(none.searchParams.getAll('options')).toEqual(['-c plan_cache_mode=force_generic_plan'])
  const some = new URL(placesUrl('postgres://localhost/c?options=-c%20geqo%3Doff&sslmode=disable'))
  expect(some.searchParams.getAll('options')).toEqual(['-c geqo=off -c plan_cache_mode=force_generic_plan'])
})
