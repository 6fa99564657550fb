import { expect, test } from 'vitest'
import * as pool from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(pool).toSorted()).toEqual(['ObjectPool', 'PoolError'])
})
