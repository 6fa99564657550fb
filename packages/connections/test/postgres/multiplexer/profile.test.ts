import { expect, test } from 'vitest'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import type { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'

function statementOf(profile: Profile, order: number): Statement {
  return new Statement(
    profile,
    undefined,
    {},
    order,
    order,
    () => {},
    () => {},
  )
}

/** A copy at the head of its line since 0. */
function sentAs(stuck: boolean): Sent {
  return { stuck, parses: false, headSince: 0 } as Sent
}

test('those that are sent again go to their place, in front of those that came later', () => {
  const profile = new Profile('select 1')
  const [one, two, three, four] = [1, 2, 3, 4].map((order) => statementOf(profile, order))
  profile.push(four!)
  for (const statement of [one!, three!, two!]) profile.putBack(statement)
  expect([...profile.waiting()]).toEqual([one, two, three, four])
  expect(profile.queued).toBe(4)
})

test('however many are withdrawn, what is counted is what waits', () => {
  const profile = new Profile('select 1')
  const all = Array.from({ length: 500 }, (_, i) => statementOf(profile, i))
  for (const statement of all) profile.push(statement)
  let left = all.length
  for (const [i, statement] of all.entries()) {
    if (i % 7 === 0) continue
    profile.withdraw(statement)
    expect(profile.queued).toBe(--left)
  }
  const rest = all.filter((_, i) => i % 7 === 0)
  expect([...profile.waiting()]).toEqual(rest)
  for (const statement of rest) expect(profile.shift()).toBe(statement)
  expect(profile.queued).toBe(0)
  expect(profile.first ?? profile.unused).toBe(true)
})

test('when all are withdrawn none is kept', () => {
  const profile = new Profile('select 1')
  const all = Array.from({ length: 20 }, (_, i) => statementOf(profile, i))
  for (const statement of all) profile.push(statement)
  for (const statement of all.toReversed()) profile.withdraw(statement)
  expect(profile.first ?? profile.unused).toBe(true)
})

test('stuck ones make a text suspect until ten came in good time', () => {
  const profile = new Profile('select 1')
  for (let i = 0; i < 5; i++) profile.cost.completed(0.1)
  const stuck = sentAs(true)
  profile.becameStuck(stuck)
  expect(profile).toMatchObject({ suspect: true, needsOwnLine: true })
  for (let i = 0; i < 10; i++) profile.answered(sentAs(false), 0.1, false)
  expect(profile).toMatchObject({ suspect: false, needsOwnLine: false })
  expect(profile.overdue(5)).toBe(false)
  expect(profile.overdue(50)).toBe(true)
  profile.answered(stuck, 5_000, false)
  expect(profile.stuck).toEqual([])
})
