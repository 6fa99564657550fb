import { expect, test } from 'vitest'
import * as testkit from '../src/index.ts'

test('the public names are these', () => {
  expect(Object.keys(testkit).toSorted()).toEqual([
    'TestkitError',
    'Watchdog',
    'benchmark',
    'freePort',
    'median',
    'medianInterval',
    'quantile',
    'ratios',
    'residentMemory',
    'runReadmeExample',
    'startPgBouncer',
    'startPostgres',
    'startPostgresReplica',
    'startProxy',
    'summarize',
    'superviseProcess',
  ])
})
