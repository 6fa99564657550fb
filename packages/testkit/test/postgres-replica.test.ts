import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startPostgres, startPostgresReplica } from '../src/index.ts'
import { ask } from './ask.ts'

beforeEach(() => void vi.stubEnv('CODE_POSTGRES_URL', ''))
afterEach(() => void vi.unstubAllEnvs())

test('a replica has what the primary had and shows what it writes, and refuses to write itself', async () => {
  await using primary = await startPostgres({ maxConnections: 7 })
  await ask(primary, 'create table notes as select 1 as answer')
  await using replica = await startPostgresReplica(primary)
  expect(replica.port).not.toBe(primary.port)
  expect(await ask(replica, 'select answer from notes')).toBe(1)
  await ask(primary, 'update notes set answer = 2')
  await replica.catchUp()
  expect(await ask(replica, 'select answer from notes')).toBe(2)
  expect(await ask(replica, `select current_setting('max_connections') as answer`)).toBe('7')
  await expect(ask(replica, 'delete from notes')).rejects.toMatchObject({ code: '25006' })
})

test('a paused replica shows the past until it is resumed', async () => {
  await using primary = await startPostgres()
  await ask(primary, 'create table notes as select 1 as answer')
  await using replica = await startPostgresReplica(primary)
  await replica.pauseReplay()
  await ask(primary, 'update notes set answer = 2')
  expect(await ask(replica, 'select answer from notes')).toBe(1)
  await replica.resumeReplay()
  await replica.catchUp()
  expect(await ask(replica, 'select answer from notes')).toBe(2)
})

test('a replica follows its primary through restarts, and comes back from its own', async () => {
  await using primary = await startPostgres()
  await ask(primary, 'create table notes as select 1 as answer')
  await using replica = await startPostgresReplica(primary)
  await primary.restart({ mode: 'immediate' })
  await ask(primary, 'update notes set answer = 2')
  await replica.catchUp()
  await replica.stop()
  await ask(primary, 'update notes set answer = 3')
  await replica.start()
  await replica.catchUp()
  expect(await ask(replica, 'select answer from notes')).toBe(3)
})

test('a primary has two replicas, and both encrypt as it does', async () => {
  await using primary = await startPostgres({ tls: 'required' })
  await using first = await startPostgresReplica(primary)
  await using second = await startPostgresReplica(primary)
  await ask(primary, 'create table notes as select 1 as answer')
  for (const replica of [first, second]) {
    await replica.catchUp()
    expect(replica.ca).toBe(primary.ca)
    expect(await ask(replica, 'select answer from notes')).toBe(1)
  }
})

test('the embedded server has replicas too', async () => {
  vi.stubEnv('CODE_POSTGRES', 'embedded')
  await using primary = await startPostgres()
  await using replica = await startPostgresReplica(primary)
  await ask(primary, 'create table notes as select 1 as answer')
  await replica.catchUp()
  await replica.pauseReplay()
  expect(await ask(replica, 'select answer from notes')).toBe(1)
})

test('a server given by url gets no replica', async () => {
  vi.stubEnv('CODE_POSTGRES_URL', 'postgres://me:secret@elsewhere.test/db')
  const given = await startPostgres()
  await expect(startPostgresReplica(given)).rejects.toMatchObject({ code: 'POSTGRES_NOT_OURS' })
})
