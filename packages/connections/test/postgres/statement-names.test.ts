import { expect, test } from 'vitest'
import { StatementNames } from '../../src/postgres/statement-names.ts'

test('a text keeps its name, and another text gets another', () => {
  const names = new StatementNames(2, () => {})
  expect(names.of('a')).toBe(names.of('a'))
  expect(names.of('b')).not.toBe(names.of('a'))
})

test('when there is no room the text used longest ago is forgotten', () => {
  const forgotten: string[] = []
  const names = new StatementNames(2, (name) => forgotten.push(name))
  const [a, b] = [names.of('a'), names.of('b')]
  names.of('a')
  names.of('c')
  expect(forgotten).toEqual([b])
  expect(names.of('a')).toBe(a)
  expect(names.of('b')).not.toBe(b)
})

test('names given by the caller share the room', () => {
  const forgotten: string[] = []
  const names = new StatementNames(2, (name) => forgotten.push(name))
  expect(names.of('a', 'mine')).toBe('mine')
  const a = names.of('a')
  expect(a).not.toBe('mine')
  expect(names.of('b', 'yours')).toBe('yours')
  expect(names.of('b', 'yours')).toBe('yours')
  expect(forgotten).toEqual(['mine'])
  expect(names.of('a')).toBe(a)
})

test('with no room at all nothing has a name', () => {
  expect(new StatementNames(0, () => {}).of('a')).toBeUndefined()
})
