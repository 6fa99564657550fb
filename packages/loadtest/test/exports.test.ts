import { expect, test } from 'vitest'
import * as loadtest from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(loadtest).toSorted()).toEqual([
    'Histogram',
    'LoadTestError',
    'LoadTester',
    'formatReport',
  ])
})
