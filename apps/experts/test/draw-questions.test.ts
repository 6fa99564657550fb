import { expect, test } from 'vitest'
import { cityNames, drawQuestions } from '../src/draw-questions.ts'

test('the same seed draws the same questions, few of them very often', async () => {
  const names = await cityNames()
  const options = { distinct: 20_000, count: 100_000, seed: 7 }
  const questions = drawQuestions(names, options)
  expect(questions).toHaveLength(100_000)
  expect(drawQuestions(names, options)).toEqual(questions)

  const counts = new Map<string, number>()
  for (const question of questions) counts.set(question, (counts.get(question) ?? 0) + 1)
  const sorted = [...counts.values()].toSorted((a, b) => b - a)
  // Zipf 0.99 over 20,000: the first is drawn 9.3 % of the time, the tenth a tenth as often.
  expect(sorted[0]! / 100_000).toBeCloseTo(0.093, 1)
  expect(sorted[9]! / sorted[0]!).toBeCloseTo(0.1, 1)
  expect(counts.size).toBeGreaterThan(12_000)
})
