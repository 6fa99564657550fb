import { expect, test } from 'vitest'
import * as stream from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(stream).toSorted()).toEqual(['StreamError', 'StreamProcessor'])
})
