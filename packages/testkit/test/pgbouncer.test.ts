import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startPgBouncer, startPostgres } from '../src/index.ts'
import { findPgBouncer } from '../src/pgbouncer-program.ts'
import { ask } from './ask.ts'

beforeEach(() => void vi.stubEnv('CODE_POSTGRES_URL', ''))
afterEach(() => void vi.unstubAllEnvs())

test('by default it lends a server connection for a transaction', async () => {
  await using server = await startPostgres()
  await using bouncer = await startPgBouncer(server, { poolSize: 1 })
  const clients = [new Client(bouncer.url), new Client(bouncer.url)]
  const backends = []
  for (const client of clients) {
    await client.connect()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    backends.push(rows[0]?.pid)
  }
  expect(backends[0]).toBe(backends[1])
  for (const client of clients) await client.end()
})

test('in session mode each client keeps a server connection of its own', async () => {
  await using server = await startPostgres()
  await using bouncer = await startPgBouncer(server, { poolMode: 'session' })
  const client = new Client(bouncer.url)
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  expect(await ask(bouncer, 'select pg_backend_pid() as answer')).not.toBe(rows[0]?.pid)
  await client.end()
})

test('it asks for the password, takes settings, and reaches a server that demands encryption', async () => {
  await using server = await startPostgres({ tls: 'required' })
  await using bouncer = await startPgBouncer(server, { settings: { max_client_conn: 1 } })
  const encrypted = 'select ssl as answer from pg_stat_ssl where pid = pg_backend_pid()'
  expect(await ask(bouncer, encrypted)).toBe(true)
  await expect(ask(bouncer, encrypted, { password: 'wrong' })).rejects.toThrow('SASL authentication failed')
  const client = new Client(bouncer.url)
  await client.connect()
  await expect(ask(bouncer, encrypted)).rejects.toThrow('max_client_conn')
  await client.end()
})

test('a closed one refuses', async () => {
  await using server = await startPostgres()
  const bouncer = await startPgBouncer(server)
  await bouncer.close()
  await bouncer.close()
  await expect(ask(bouncer, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('a setting it refuses is told with its words', async () => {
  const server = { host: '127.0.0.1', port: 1, user: 'me', password: 'secret', database: 'db' }
  await expect(startPgBouncer(server, { settings: { no_such_thing: 1 } })).rejects.toMatchObject({
    code: 'PGBOUNCER_FAILED',
    message: expect.stringContaining('no_such_thing'),
  })
})

test('without any the error says what to install, and leaves nothing half-done', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'code-testkit-'))
  const found = findPgBouncer({ PATH: '/nowhere' }, join(parent, 'pgbouncer'))
  if (existsSync('/usr/sbin/pgbouncer')) expect((await found).program).toBe('/usr/sbin/pgbouncer')
  else {
    await expect(found).rejects.toMatchObject({
      code: 'PGBOUNCER_MISSING',
      message: expect.stringMatching(/apt-get install -y pgbouncer;.*brew/),
    })
  }
  expect(await readdir(parent)).toEqual([])
  await rm(parent, { recursive: true })
})

test('a wrong size is thrown at once', async () => {
  const server = { host: '127.0.0.1', port: 1, user: 'me', password: 'secret', database: 'db' }
  await expect(startPgBouncer(server, { poolSize: 0 })).rejects.toThrow(
    new RangeError('poolSize must be an integer from 1, got 0'),
  )
})
