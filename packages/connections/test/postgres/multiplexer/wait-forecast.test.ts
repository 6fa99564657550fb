import { expect, test } from 'vitest'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import { WaitForecast } from '../../../src/postgres/multiplexer/wait-forecast.ts'

function waiting(count: number, ms: number): Profile {
  const profile = new Profile('select slow')
  for (let i = 0; i < 20; i++) profile.cost.completed(ms)
  for (let i = 0; i < count; i++) {
    profile.push(
      new Statement(
        profile,
        undefined,
        {},
        i,
        0,
        () => {},
        () => {},
      ),
    )
  }
  return profile
}

/** The hold after the same has waited for a second. */
function holdOf(...profiles: Profile[]): number {
  const forecast = new WaitForecast(9)
  for (let now = 1; now <= 1_000; now++) forecast.update(now, profiles)
  return forecast.holdMs
}

test('nothing is held back while nothing slow waits', () => {
  expect(holdOf()).toBe(0)
  expect(holdOf(waiting(100, 0.1))).toBe(0)
})

test('the hold is the wait of the slow ones less a quarter of their time', () => {
  expect(holdOf(waiting(9, 20))).toBeCloseTo(15, 1)
  expect(holdOf(waiting(18, 20))).toBeCloseTo(35, 1)
})

test('nobody is held for longer than three times the slow ones take, or 50 ms', () => {
  expect(holdOf(waiting(900, 4))).toBeCloseTo(12, 1)
  expect(holdOf(waiting(900, 60))).toBeCloseTo(50, 1)
})

test('those that a lock holds up count for nothing', () => {
  const profile = waiting(100, 20)
  profile.stuck.push({ headSince: 0 } as never)
  const forecast = new WaitForecast(9)
  for (let now = 1_000; now <= 2_000; now++) forecast.update(now, [profile])
  expect(forecast.holdMs).toBe(0)
})

test('when none is left to wait for, the hold ends', () => {
  const forecast = new WaitForecast(9)
  for (let now = 1; now <= 1_000; now++) forecast.update(now, [waiting(18, 20)])
  for (let now = 1_001; now <= 5_000; now++) forecast.update(now, [])
  expect(forecast.holdMs).toBe(0)
})
