import { expect, test } from 'vitest'
import { findPlacesValues, placeKey } from '../src/places.ts'

test('a name is found without case, accents and doubled spaces', () => {
  expect(placeKey('São  Paulo')).toBe('sao paulo')
  expect(placeKey(' ZÜRICH ')).toBe('zurich')
  expect(placeKey('東京')).toBe('東京')
})

test('a question of nothing but accents has an empty range', () => {
  expect(findPlacesValues('\u0301')).toEqual(['', ''])
})
