import { expect, test } from 'vitest'
import * as connections from '@code/connections'
import * as http from '@code/connections/http'
import * as postgres from '@code/connections/postgres'

test('the public names are these', () => {
  expect(Object.keys(connections).toSorted()).toEqual([
    'ConnectionPoolManager',
    'ConnectionsError',
    'observeConnections',
  ])
  expect(Object.keys(http).toSorted()).toEqual(['ConnectionsError', 'getHttpSession'])
  expect(Object.keys(postgres).toSorted()).toEqual(['ConnectionsError', 'PgCursor', 'postgres'])
})
