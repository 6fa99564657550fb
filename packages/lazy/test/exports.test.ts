import { expect, test } from 'vitest'
import * as lazy from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(lazy).toSorted()).toEqual(['LazyError', 'LazyImporter', 'lazy', 'lazyModule'])
})
