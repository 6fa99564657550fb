import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startPostgres } from '../src/index.ts'
import { findPostgres } from '../src/postgres-binaries.ts'
import { ask } from './ask.ts'

beforeEach(() => void vi.stubEnv('CODE_POSTGRES_URL', ''))
afterEach(() => void vi.unstubAllEnvs())

test('a private server answers, and two at once are strangers', async () => {
  const starting = [startPostgres(), startPostgres({ maxConnections: 7 })] as const
  await using first = await starting[0]
  await using second = await starting[1]
  expect(first.port).not.toBe(second.port)
  await ask(first, 'create table only_here ()')
  expect(await ask(second, `select to_regclass('only_here') as answer`)).toBe(null)
  expect(await ask(second, `select current_setting('max_connections') as answer`)).toBe('7')
  const client = new Client({ connectionString: first.url })
  await client.connect()
  await client.end()
})

test('passwords are asked for, by SCRAM', async () => {
  await using server = await startPostgres()
  await expect(ask(server, 'select 1 as answer', { password: 'wrong' })).rejects.toThrow(
    'password authentication failed',
  )
  expect(await ask(server, 'select left(rolpassword, 13) as answer from pg_authid where rolcanlogin')).toBe(
    'SCRAM-SHA-256',
  )
  expect(
    await ask(server, `select string_agg(distinct auth_method, ',') as answer from pg_hba_file_rules`),
  ).toBe('scram-sha-256')
})

test('a stopped server refuses, and starts again on its port with its data', async () => {
  await using server = await startPostgres()
  const { url } = server
  await ask(server, 'create table kept as select 42 as answer')
  await server.stop()
  await server.stop()
  await expect(ask(server, 'select 1')).rejects.toThrow('ECONNREFUSED')
  await server.start()
  expect(server.url).toBe(url)
  expect(await ask(server, 'select answer from kept')).toBe(42)
})

for (const mode of ['fast', 'immediate'] as const) {
  test(`a restart (${mode}) ends every session and keeps port and data`, async () => {
    await using server = await startPostgres()
    const { url } = server
    await ask(server, 'create table kept as select 42 as answer')
    const client = new Client({ connectionString: url })
    const ended = new Promise<string>((resolve) => client.on('error', (error) => resolve(error.message)))
    await client.connect()
    await server.restart({ mode })
    expect(await ended).toMatch(/terminat/)
    expect(server.url).toBe(url)
    expect(await ask(server, 'select answer from kept')).toBe(42)
  })
}

test('with encryption offered, those who trust its authority can verify the server', async () => {
  await using server = await startPostgres({ tls: 'offered' })
  const encrypted = 'select ssl as answer from pg_stat_ssl where pid = pg_backend_pid()'
  const trusting = { ssl: { ca: server.ca } }
  expect(await ask(server, encrypted, trusting)).toBe(true)
  expect(await ask(server, encrypted, { ...trusting, host: 'localhost' })).toBe(true)
  expect(await ask(server, encrypted, { ...trusting, enableChannelBinding: true })).toBe(true)
  expect(await ask(server, encrypted, { ssl: false })).toBe(false)
  await expect(ask(server, encrypted, { ssl: true })).rejects.toMatchObject({
    code: expect.stringMatching(/VERIFY|SELF_SIGNED/),
  })
  await expect(
    ask(server, encrypted, { ssl: { ca: server.ca, servername: 'elsewhere.test' } }),
  ).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

test('with encryption required, a plain client is refused', async () => {
  await using server = await startPostgres({ tls: 'required' })
  expect(await ask(server, 'select 1 as answer')).toBe(1)
  await expect(ask(server, 'select 1 as answer', { ssl: false })).rejects.toThrow('no encryption')
})

test('closing removes the data folder', async () => {
  const server = await startPostgres()
  const folder = await ask(server, `select current_setting('data_directory') as answer`)
  expect(existsSync(String(folder))).toBe(true)
  await server.close()
  await server.close()
  expect(existsSync(String(folder))).toBe(false)
})

test('the embedded server serves where it is asked for', async () => {
  vi.stubEnv('CODE_POSTGRES', 'embedded')
  await using server = await startPostgres({ settings: { work_mem: '7MB' } })
  expect(await ask(server, `select current_setting('work_mem') as answer`)).toBe('7MB')
  const version = await ask(server, `select current_setting('server_version_num')::int as answer`)
  expect(version).toBeGreaterThanOrEqual(180_000)
})

test('programs that the server’s user may not reach serve all the same', async () => {
  const { folder } = await findPostgres({ CODE_POSTGRES: 'embedded' })
  await using hidden = await temporaryFolder()
  await cp(dirname(folder), join(hidden.path, 'native'), { recursive: true, verbatimSymlinks: true })
  vi.stubEnv('CODE_POSTGRES', '')
  vi.stubEnv('CODE_POSTGRES_BIN', join(hidden.path, 'native/bin'))
  await using server = await startPostgres()
  expect(await ask(server, 'select 1 as answer')).toBe(1)
})

test('a closed server does not start again', async () => {
  const server = await startPostgres()
  await server.close()
  await expect(server.start()).rejects.toMatchObject({ code: 'PROCESS_FAILED' })
})

test('a server given by url is used as it is, and never stopped', async () => {
  await using real = await startPostgres()
  vi.stubEnv('CODE_POSTGRES_URL', real.url)
  const server = await startPostgres()
  expect(server).toMatchObject({ port: real.port, user: 'postgres', password: real.password })
  await expect(server.stop()).rejects.toMatchObject({ code: 'POSTGRES_NOT_OURS' })
  await expect(server.start()).rejects.toMatchObject({ code: 'POSTGRES_NOT_OURS' })
  await expect(server.restart()).rejects.toMatchObject({ code: 'POSTGRES_NOT_OURS' })
  await expect(startPostgres({ tls: 'offered' })).rejects.toMatchObject({ code: 'POSTGRES_NOT_OURS' })
  await server.close()
  expect(await ask(real, 'select 1 as answer')).toBe(1)
})

test('without any Postgres the error says what to install', async () => {
  vi.stubEnv('CODE_POSTGRES', '')
  vi.stubEnv('CODE_POSTGRES_BIN', '/nowhere')
  await expect(startPostgres()).rejects.toMatchObject({
    code: 'POSTGRES_MISSING',
    message: expect.stringMatching(/apt-get install -y postgresql;.*brew[^]*\/nowhere/),
  })
})

test('a setting the server refuses is told with its words', async () => {
  await expect(startPostgres({ settings: { work_mem: 'a lot' } })).rejects.toMatchObject({
    code: 'POSTGRES_FAILED',
    message: expect.stringContaining('work_mem'),
  })
})

test('a wrong limit is thrown at once', async () => {
  await expect(startPostgres({ maxConnections: 0 })).rejects.toThrow(
    new RangeError('maxConnections must be an integer from 1, got 0'),
  )
})

/** Open to its owner alone, as temporary folders are. */
async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'code-testkit-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
