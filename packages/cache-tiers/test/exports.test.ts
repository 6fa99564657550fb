import { expect, test } from 'vitest'
import * as cacheTiers from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(cacheTiers).toSorted()).toEqual(['AsyncLRUCache', 'CacheError', 'TieredCache'])
})
