import { expect, test } from 'vitest'
import { checkOptions, type PostgresEndpoint, type PostgresOptions } from '../../src/postgres/options.ts'
import { replicaOptions } from '../../src/postgres/replica-endpoint.ts'
import { Client } from '../../src/postgres/wire/pg.ts'

/** Where pg would go. */
function target(options: PostgresOptions, replica: string | PostgresEndpoint) {
  const { connectionString, host, port, user, password, database } = replicaOptions(
    checkOptions(options),
    replica,
  )
  const client = new Client({
    connectionString,
    host,
    port,
    user,
    password: password as string | undefined,
    database,
  })
  return [client.host, client.port, client.user, client.password, client.database]
}

const fields = { host: 'primary', port: 5433, user: 'me', password: 'secret', database: 'cities' }
const connectionString = 'postgres://me:secret@primary:5433/cities'

test('a replica is like its primary but for what is said of it', () => {
  const expected = ['replica', 5433, 'me', 'secret', 'cities']
  expect(target(fields, { host: 'replica' })).toEqual(expected)
  expect(target({ connectionString }, { host: 'replica' })).toEqual(expected)
})

test('every part of a connection string can be another for a replica', () => {
  const other = { host: '::1', port: 6000, user: 'reader', password: 'p@ss/w?rd', database: 'towns' }
  const expected = ['::1', 6000, 'reader', 'p@ss/w?rd', 'towns']
  expect(target(fields, other)).toEqual(expected)
  expect(target({ connectionString }, other)).toEqual(expected)
})

test("a replica's own connection string is taken as it is", () => {
  const expected = ['replica', 6000, 'reader', 'open', 'towns']
  expect(target({ connectionString }, 'postgres://reader:open@replica:6000/towns')).toEqual(expected)
  expect(
    target(fields, { connectionString: 'postgres://reader:open@replica:6000/towns', host: 'unheeded' }),
  ).toEqual(expected)
})

test('a replica has the limits of its primary, and no replicas', () => {
  const options = checkOptions({ connectionString, name: 'main', maxSize: 3, replicas: [{ port: 1 }] })
  const own = replicaOptions(options, { port: 1 })
  expect(own).toMatchObject({ maxSize: 3, isReplica: true })
  expect(own.name).toBeUndefined()
  expect(own.replicas).toBeUndefined()
})

test('what is no endpoint is refused at once', () => {
  for (const replicas of ['postgres://replica', [''], [7], [null]] as never[]) {
    expect(() => checkOptions({ replicas })).toThrow(TypeError)
  }
  expect(() => checkOptions({ maxLagMs: 0 })).toThrow(RangeError)
  const options = checkOptions({ connectionString: '/var/run/postgresql cities' })
  expect(() => replicaOptions(options, { host: 'replica' })).toThrow(TypeError)
})
