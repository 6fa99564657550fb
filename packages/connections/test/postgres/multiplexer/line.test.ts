import { expect, test } from 'vitest'
import { Line } from '../../../src/postgres/multiplexer/line.ts'
import { Profile } from '../../../src/postgres/multiplexer/profile.ts'
import { Sent } from '../../../src/postgres/multiplexer/sent.ts'
import { Statement } from '../../../src/postgres/multiplexer/statement.ts'
import { format } from '../wire/conversation.ts'

const told: Sent[] = []
const listener = { onAnswer: (sent: Sent) => void told.push(sent), onOverflow: () => {} }

/** A line on which nothing is said. */
function lineAlone(): Line {
  return new Line({} as never, true, listener)
}

function put(line: Line, { exclusive = false, now = 1 } = {}): Sent {
  const profile = new Profile('select 1')
  profile.cost.completed(0.3)
  const statement = new Statement(
    profile,
    [],
    {},
    0,
    now,
    () => {},
    () => {},
  )
  const sent = new Sent(statement, line, format, now, exclusive ? 1 : 0.1, exclusive, false, false)
  line.push(sent)
  return sent
}

test('it counts what is under way, and nothing is left of it when all is answered', () => {
  const line = lineAlone()
  const all = [put(line), put(line), put(line, { exclusive: true })]
  expect(line).toMatchObject({ load: 1.2, seals: 1 })
  expect(line.workMs).toBeCloseTo(0.9)
  expect(line.inFlight).toBe(3)
  expect([...line.sent]).toEqual(all)
  for (const sent of all) {
    expect(line.head).toBe(sent)
    sent.end()
  }
  expect(line).toMatchObject({ load: 0, workMs: 0, seals: 0 })
  expect(line.inFlight).toBe(0)
  expect(told.splice(0)).toEqual(all)
})

test('a stuck one seals it until it is answered', () => {
  const line = lineAlone()
  const sent = put(line)
  sent.stuck = true
  line.seals++
  sent.end()
  expect(line.seals).toBe(0)
})

test('what stands behind others works since they were answered', () => {
  const line = lineAlone()
  const [first, second] = [put(line, { now: 5 }), put(line, { now: 6 })]
  expect(first.headSince).toBe(5)
  line.lastAnswerAt = 9
  first.end()
  expect(second.headSince).toBe(9)
})

test('leaving seals it once; broken stays broken', () => {
  const line = lineAlone()
  for (const how of ['whole', 'broken', 'whole'] as const) line.leave(how)
  expect(line).toMatchObject({ leaving: 'broken', seals: 1 })
})
