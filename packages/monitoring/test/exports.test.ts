import { expect, test } from 'vitest'
import * as monitoring from '../src/index.ts'
import * as server from '../src/server.ts'

test('the public names are these', () => {
  expect(Object.keys(monitoring).toSorted()).toEqual([
    'HealthMonitor',
    'MemoryMonitor',
    'MetricsCollector',
    'MonitoringError',
    'getHealthMonitor',
    'getMetricsCollector',
  ])
})

test('the public names of /server are these', () => {
  expect(Object.keys(server)).toEqual(['startMonitoringServer'])
})
