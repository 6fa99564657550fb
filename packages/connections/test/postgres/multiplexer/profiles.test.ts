import { expect, test } from 'vitest'
import { Profiles } from '../../../src/postgres/multiplexer/profiles.ts'

test('a text keeps its profile', () => {
  const profiles = new Profiles(10)
  const first = profiles.of('a')
  profiles.of('b')
  expect(profiles.of('a')).toBe(first)
})

test('the text used longest ago is forgotten first', () => {
  const profiles = new Profiles(2)
  const [a, b] = ['a', 'b'].map((text) => profiles.of(text))
  profiles.of('a')
  profiles.of('c')
  expect(profiles.size).toBe(2)
  expect(profiles.of('a')).toBe(a)
  expect(profiles.of('b')).not.toBe(b)
})

test('what is in use is not forgotten, and after a crowd the number goes back', () => {
  const profiles = new Profiles(100)
  const crowd = Array.from({ length: 10_000 }, (_, i) => profiles.of(`crowd ${i}`))
  for (const profile of crowd) profile.inFlight = 1
  const kept = crowd.slice(-100)
  profiles.of('one more')
  for (const profile of kept) expect(profiles.of(profile.text)).toBe(profile)

  for (const profile of crowd) profile.inFlight = 0
  for (let i = 0; i < 10_000; i++) profiles.of(`after ${i}`)
  expect(profiles.size).toBe(100)
})
