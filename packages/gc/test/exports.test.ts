import { expect, test } from 'vitest'
import * as gc from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(gc).toSorted()).toEqual([
    'CleanupScheduler',
    'GcError',
    'GcMonitor',
    'LifecycleManager',
    'collectGarbage',
    'deferGc',
    'optimizeGc',
  ])
})
